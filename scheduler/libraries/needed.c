#include "scheduler/libraries/needed.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct file {
    const char *bytes;
    size_t size;
    const ElfW(Phdr) * part;
    size_t parts;
};

/* `count` things of that size at `offset`; NULL: they are not all there. */
static const void *
things_at(const struct file *file, uint64_t offset, uint64_t count, size_t size)
{
    bool fits = offset % 8 == 0 && offset <= file->size && count <= (file->size - offset) / size;
    return fits ? file->bytes + offset : NULL;
}

static bool
read_head(struct file *file)
{
    const ElfW(Ehdr) *head = things_at(file, 0, 1, sizeof *head);
    if (head == NULL || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        head->e_phentsize != sizeof(ElfW(Phdr))) {
        return false;
    }
    file->parts = head->e_phnum;
    file->part = things_at(file, head->e_phoff, file->parts, sizeof *file->part);
    return file->part != NULL;
}

/* Where what is mapped at that address lies in the file; file->size: nowhere. */
static size_t
offset_of(const struct file *file, uint64_t address)
{
    for (size_t i = 0; i < file->parts; i++) {
        const ElfW(Phdr) *part = &file->part[i];
        if (part->p_type == PT_LOAD && address >= part->p_vaddr &&
            address - part->p_vaddr < part->p_filesz && part->p_offset <= file->size &&
            address - part->p_vaddr < file->size - part->p_offset) {
            return part->p_offset + (address - part->p_vaddr);
        }
    }
    return file->size;
}

static void
tell_each(const struct file *file, const ElfW(Dyn) * entry, size_t count, needed_fn each, void *arg)
{
    size_t texts = file->size;
    for (size_t i = 0; i < count && entry[i].d_tag != DT_NULL; i++) {
        texts = entry[i].d_tag == DT_STRTAB ? offset_of(file, entry[i].d_un.d_ptr) : texts;
    }
    for (size_t i = 0; i < count && entry[i].d_tag != DT_NULL; i++) {
        uint64_t at = entry[i].d_un.d_val, room = file->size - texts;
        if (entry[i].d_tag == DT_NEEDED && at < room &&
            memchr(file->bytes + texts + at, '\0', room - at) != NULL) {
            each(file->bytes + texts + at, arg);
        }
    }
}

void
needed_each(const void *bytes, size_t size, needed_fn each, void *arg)
{
    struct file file = {.bytes = bytes, .size = size};
    if (!read_head(&file)) {
        return;
    }
    for (size_t i = 0; i < file.parts; i++) {
        const ElfW(Phdr) *part = &file.part[i];
        size_t count = part->p_filesz / sizeof(ElfW(Dyn));
        const ElfW(Dyn) *entry = things_at(&file, part->p_offset, count, sizeof *entry);
        if (part->p_type == PT_DYNAMIC && entry != NULL) {
            tell_each(&file, entry, count, each, arg);
        }
    }
}
