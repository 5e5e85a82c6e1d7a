# Debian 12's libnng-dev has a header and a library, and no package file.
find_path(NNG_INCLUDE_DIR nng/nng.h)
find_library(NNG_LIBRARY nng)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NNG REQUIRED_VARS NNG_LIBRARY NNG_INCLUDE_DIR)
if(NNG_FOUND AND NOT TARGET nng::nng)
  add_library(nng::nng UNKNOWN IMPORTED)
  set_target_properties(nng::nng PROPERTIES IMPORTED_LOCATION "${NNG_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${NNG_INCLUDE_DIR}")
endif()
