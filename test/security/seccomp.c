/* Runs a command under a seccomp filter like the one that container engines put around a container without
 * capabilities: what such a container may not ask the kernel for. A call of the list ends the process by SIGSYS, where an
 * engine's answer would be EPERM: what runs here to its end never asks. clone3 and io_uring answer as under an
 * engine (ENOSYS, EPERM), because libraries try them first and go another way.
 *
 *   cc -static -o seccomp seccomp.c && ./seccomp COMMAND [arguments]
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no filter for this processor"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define IF(number, what) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), ANSWER(what)
#define KILL(name) IF(SYS_##name, SECCOMP_RET_KILL_PROCESS)
#define FAIL(name, code) IF(SYS_##name, SECCOMP_RET_ERRNO | (code))

static struct sock_filter filter[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), ANSWER(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    /* other processes and their memory */
    KILL(ptrace), KILL(process_vm_readv), KILL(process_vm_writev), KILL(kcmp), KILL(pidfd_getfd),
    /* file systems, roots, namespaces */
    KILL(mount), KILL(umount2), KILL(pivot_root), KILL(chroot), KILL(unshare), KILL(setns), KILL(fsopen),
    KILL(fsconfig), KILL(fsmount), KILL(move_mount), KILL(open_tree), KILL(open_by_handle_at), KILL(name_to_handle_at),
    KILL(quotactl), KILL(swapon), KILL(swapoff), KILL(fanotify_init),
    /* keys of the kernel */
    KILL(keyctl), KILL(add_key), KILL(request_key),
    /* code in the kernel, and what looks into it */
    KILL(bpf), KILL(perf_event_open), KILL(init_module), KILL(finit_module), KILL(delete_module), KILL(kexec_load),
    KILL(userfaultfd), KILL(lookup_dcookie), KILL(syslog), KILL(acct),
    /* the machine itself */
    KILL(reboot), KILL(settimeofday), KILL(clock_settime), KILL(clock_adjtime), KILL(adjtimex), KILL(sethostname),
    KILL(setdomainname), KILL(vhangup), KILL(personality),
#ifdef __x86_64__
    KILL(iopl), KILL(ioperm), KILL(modify_ldt), KILL(kexec_file_load), KILL(uselib), KILL(ustat), KILL(sysfs),
#endif
    /* who one is */
    KILL(setuid), KILL(setgid), KILL(setresuid), KILL(setresgid), KILL(setgroups), KILL(capset),
    FAIL(io_uring_setup, EPERM), FAIL(io_uring_enter, EPERM), FAIL(io_uring_register, EPERM),
    FAIL(clone3, ENOSYS),
    /* a clone into a new namespace: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
    LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7e020000, 0, 1), ANSWER(SECCOMP_RET_KILL_PROCESS),
    ANSWER(SECCOMP_RET_ALLOW),
};

int main(int count, char **words) {
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  if (count < 2) {
    fprintf(stderr, "usage: seccomp COMMAND [arguments]\n");
    return 2;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("seccomp: the kernel takes no filter");
    return 3;
  }
  execvp(words[1], words + 1);
  perror(words[1]);
  return 127;
}
