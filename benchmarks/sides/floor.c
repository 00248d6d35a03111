/* The least that starting N programs can cost: nobody looks after them.
   floor TICK LOG COUNT
   Says when it began, starts them, waits until its input ends, and ends them. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    struct timespec now;
    posix_spawnattr_t how;
    int count = argc == 4 ? atoi(argv[3]) : 0;
    pid_t *pids = calloc(count + 1, sizeof *pids);
    char name[16], byte;

    if (!count || !pids)
        return 2;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (int number = 0; number < count; number++) {
        char *words[] = {argv[1], argv[2], name, "0", NULL};
        snprintf(name, sizeof name, "p%04d", number);
        if (posix_spawn(&pids[number], argv[1], NULL, &how, words, environ))
            return 1;
    }
    printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    for (int number = 0; number < count; number++)
        kill(pids[number], SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}
