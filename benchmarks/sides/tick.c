/* A program that says when it began, to the nanosecond, and then does nothing.
   tick FILE NAME VALUE */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    char line[512];
    int file, length;

    if (argc != 4)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &now);
    file = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
    length = snprintf(line, sizeof line, "%s %s %ld %lld\n", argv[2], argv[3], (long)getpid(),
                      now.tv_sec * 1000000000LL + now.tv_nsec);
    if (file < 0 || length >= (int)sizeof line || write(file, line, length) != length)
        return 1;
    close(file);
    for (;;)
        pause();
}
