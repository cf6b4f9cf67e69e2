#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What can fail in the child, in the order in which it is done.
static const char *const steps[] = {
    "its session", "its descriptors", "its folder", "its limits", "its user", "the program itself",
};

struct failure {
  int step;
  int error;
};

static int limit(int resource, uint64_t value) {
  if (value == 0) return 0;
  struct rlimit limits = {.rlim_cur = value, .rlim_max = value};
  return setrlimit(resource, &limits);
}

// The child, between fork and exec: system calls only. Returns the step that failed.
static int become(const struct hawser_program *program, pid_t parent, int *report) {
  if (setsid() < 0) return 0;
  struct sigaction usual = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &usual, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);

  int input = open("/dev/null", O_RDONLY);
  if (input < 0 || dup2(input, 0) < 0 || dup2(program->output, 1) < 0 ||
      dup2(program->output, 2) < 0)
    return 1;
  // Everything else goes; the report goes with exec.
  if (*report != 3 && dup3(*report, 3, O_CLOEXEC) < 0) return 1;
  *report = 3;
  if (syscall(SYS_close_range, 4, ~0U, 0) < 0)
    for (int file = 4; file < 65536; file++) close(file);

  if (chdir(program->directory) < 0) return 2;
  if (limit(RLIMIT_AS, program->memory_bytes) < 0 ||
      limit(RLIMIT_CPU, program->processor_seconds) < 0 ||
      limit(RLIMIT_FSIZE, program->file_bytes) < 0)
    return 3;
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);

  if (program->changes_user) {
    if (setgroups(program->group_count, program->groups) < 0 ||
        setresgid(program->group, program->group, program->group) < 0 ||
        setresuid(program->user, program->user, program->user) < 0)
      return 4;
  }
  if (program->changes_user && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 4;
  // After the change of user, which takes it back.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(127);
  execve(program->path, program->arguments, program->environment);
  return 5;
}

int32_t hawser_start(const struct hawser_program *program, int *error, const char **step) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0) {
    *error = errno;
    *step = steps[1];
    return -1;
  }
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    struct failure failure = {.step = become(program, parent, &pipe[1])};
    failure.error = errno;
    ssize_t written = write(pipe[1], &failure, sizeof failure);
    (void)written;
    _exit(127);
  }
  int fork_error = errno;
  close(pipe[1]);
  if (child < 0) {
    close(pipe[0]);
    *error = fork_error;
    *step = steps[5];
    return -1;
  }
  // Nothing comes where exec succeeds, since it closes the pipe.
  struct failure failure;
  ssize_t got;
  do got = read(pipe[0], &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  close(pipe[0]);
  if (got != sizeof failure) return child;
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  *error = failure.error;
  *step = steps[failure.step];
  return -1;
}

int hawser_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int hawser_process_descriptor(int32_t process) { return syscall(SYS_pidfd_open, process, 0); }
