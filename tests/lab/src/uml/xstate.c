/* Lets User-mode Linux run on processors with more registers than it knows of (AMX). It hands the kernel the registers as far as it knows them,
 * and since Linux 5.14 the kernel takes them whole or not at all (xstateregs_set in arch/x86/kernel/fpu/regset.c). What is missing is filled up
 * with zeros, as those registers are until somebody asks for them (arch_prctl(2), ARCH_REQ_XCOMP_PERM).
 *
 * Loaded in front of the C library; everything else goes through unchanged.
 */
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char all[1 << 16];

long ptrace(enum __ptrace_request request, ...) {
    static size_t length;
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);
    if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
        struct iovec *known = data;
        struct iovec whole = {all, sizeof all};
        if (length == 0 && syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &whole) == 0) {
            length = whole.iov_len;
            memset(all, 0, sizeof all);
        }
        if (length > known->iov_len) {
            memcpy(all, known->iov_base, known->iov_len);
            whole.iov_len = length;
            return syscall(SYS_ptrace, request, pid, address, &whole);
        }
    }
    long word = 0;
    /* Of the kernel's own interface, these put the word that is read where `data` points (ptrace(2)). */
    if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
        long result = syscall(SYS_ptrace, request, pid, address, &word);
        return result < 0 ? result : word;
    }
    return syscall(SYS_ptrace, request, pid, address, data);
}
