# What `cmake --install` gives a program that links lode: liblode and its headers, lode.pc and
# lodeConfig.cmake. (The programs and lode-blas are installed by their folders.) Nothing in it holds
# the prefix: the tree may be moved. Only the unit for systemd does, which wants absolute paths.
include(CMakePackageConfigHelpers)

install(TARGETS lode EXPORT lodeTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
# For C++, which the tree itself does not compile: so it is in no set of headers.
install(FILES "${PROJECT_SOURCE_DIR}/api/include/lode/lode.hpp"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/lode")
set(LODE_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/lode")
install(EXPORT lodeTargets NAMESPACE lode:: DESTINATION "${LODE_CMAKE_DIR}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/lodeConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/lodeConfig.cmake"
                              INSTALL_DESTINATION "${LODE_CMAKE_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/lodeConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/lodeConfig.cmake"
              "${PROJECT_BINARY_DIR}/lodeConfigVersion.cmake"
        DESTINATION "${LODE_CMAKE_DIR}")

file(RELATIVE_PATH LODE_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" LODE_PC_TO_PREFIX "${LODE_PC_TO_PREFIX}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/lode.pc.in" "${PROJECT_BINARY_DIR}/lode.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/lode.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES "${PROJECT_SOURCE_DIR}/api/examples/matmul_fanout.c"
              "${PROJECT_SOURCE_DIR}/api/examples/tasks.c"
        DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/lode/examples")

# The prefix is known only when it is installed: `cmake --install --prefix` may name another one.
set(LODE_UNIT "${CMAKE_CURRENT_LIST_DIR}/../systemd/lode.service.in")
install(CODE "set(prefix \"\${CMAKE_INSTALL_PREFIX}\")
set(CMAKE_INSTALL_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
configure_file(\"${LODE_UNIT}\" \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/user/lode.service\" @ONLY)")
