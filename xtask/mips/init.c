/* The first process of a MIPS guest that has nothing but a kernel, the router's program and this file. It carries out the lines of /steps:
 *
 *   module FILE                 loads a module of the kernel
 *   import PORT                 imports the stick that 10.0.2.2:PORT offers by USB/IP, again each time it comes back
 *   until SECONDS PATTERN       waits for a path
 *   run WORD..                  runs the program to its end
 *   start WORD..                runs it beside what follows
 *   stop                        ends what was started
 *   say WORD..                  is printed
 *
 * What happens goes to the console, in lines that begin with "@ ". It is C because zig, which links the program, compiles it for any
 * processor. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 40

static pid_t started;

static void nap(void) {
    struct timespec time = {0, 50 * 1000 * 1000};
    nanosleep(&time, NULL);
}

static void module(const char *file) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
        printf("@ no module %s: %s\n", file, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* The address that QEMU's network expects of its guest. The host is 10.0.2.2. */
static void network(void) {
    const char *names[] = {"lo", "eth0"};
    const char *addresses[] = {"127.0.0.1", "10.0.2.15"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < 2; i++) {
        struct ifreq request;
        memset(&request, 0, sizeof request);
        strcpy(request.ifr_name, names[i]);
        struct sockaddr_in address = {.sin_family = AF_INET};
        inet_aton(addresses[i], &address.sin_addr);
        memcpy(&request.ifr_addr, &address, sizeof address);
        int done = ioctl(fd, SIOCSIFADDR, &request);
        inet_aton("255.255.255.0", &address.sin_addr);
        memcpy(&request.ifr_netmask, &address, sizeof address);
        done |= i == 0 ? 0 : ioctl(fd, SIOCSIFNETMASK, &request);
        request.ifr_flags = IFF_UP | IFF_RUNNING;
        done |= ioctl(fd, SIOCSIFFLAGS, &request);
        if (done != 0)
            printf("@ no network %s: %s\n", names[i], strerror(errno));
    }
    close(fd);
}

static int whole(int fd, void *buffer, size_t length) {
    size_t got = 0;
    while (got < length) {
        ssize_t n = read(fd, (char *)buffer + got, length - got);
        if (n <= 0)
            return -1;
        got += (size_t)n;
    }
    return 0;
}

static uint32_t word(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A free port of vhci_hcd for high speed; -1 when there is none. */
static int free_port(int *taken, int port) {
    char line[200];
    int found = -1;
    FILE *status = fopen("/sys/devices/platform/vhci_hcd.0/status", "re");
    if (status == NULL)
        return -1;
    while (fgets(line, sizeof line, status)) {
        char hub[8];
        int number, state;
        /* hub port sta spd dev sockfd local_busid; 4 is free. */
        if (sscanf(line, "%7s %d %d", hub, &number, &state) != 3 || strcmp(hub, "hs") != 0)
            continue;
        if (state == 4 && found < 0)
            found = number;
        if (number == port)
            *taken = state != 4;
    }
    fclose(status);
    return found;
}

/* One connection: `usbip attach -r 10.0.2.2 -b 1-1`, and then as long as the stick stays. */
static void import_once(int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    inet_aton("10.0.2.2", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned char request[8 + 32] = {1, 0x11, 0x80, 3, 0, 0, 0, 0, '1', '-', '1'};
    unsigned char reply[8 + 312];
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        write(fd, request, sizeof request) != sizeof request || whole(fd, reply, 8) != 0 || word(reply + 4) != 0 ||
        whole(fd, reply + 8, 312) != 0) {
        close(fd);
        return;
    }
    const unsigned char *device = reply + 8 + 256 + 32;
    char line[100];
    int taken = 0, port = free_port(&taken, -1);
    int length = snprintf(line, sizeof line, "%d %d %u %u", port, fd, word(device) << 16 | word(device + 4), word(device + 8));
    int attach = open("/sys/devices/platform/vhci_hcd.0/attach", O_WRONLY | O_CLOEXEC);
    if (port < 0 || attach < 0 || write(attach, line, (size_t)length) != length)
        printf("@ cannot attach '%s': %s\n", line, strerror(errno));
    close(attach);
    close(fd);
    do {
        nap();
        free_port(&taken, port);
    } while (taken);
}

static pid_t run(char **words) {
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/stickshift", words);
        _exit(127);
    }
    return child;
}

static void ended(const char *verb, pid_t child) {
    int status = 0;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child)
        return;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("@ exit %d, %ld kB: %s\n", code, usage.ru_maxrss, verb);
}

static int is_there(const char *pattern) {
    glob_t found;
    int there = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return there;
}

static void step(char *line) {
    char *words[WORDS + 1], *rest = NULL;
    int count = 0;
    for (char *w = strtok_r(line, " \n", &rest); w && count < WORDS; w = strtok_r(NULL, " \n", &rest))
        words[count++] = w;
    words[count] = NULL;
    if (count == 0)
        return;
    printf("@ step");
    for (int i = 0; i < count; i++)
        printf(" %s", words[i]);
    printf("\n");
    fflush(stdout);
    char *what = words[0];
    words[0] = "stickshift";
    if (strcmp(what, "module") == 0 && count == 2) {
        module(words[1]);
    } else if (strcmp(what, "import") == 0 && count == 2) {
        if (fork() == 0)
            for (;;) {
                import_once(atoi(words[1]));
                nap();
            }
    } else if (strcmp(what, "until") == 0 && count == 3) {
        time_t end = time(NULL) + atoi(words[1]);
        while (!is_there(words[2]) && time(NULL) < end)
            nap();
        printf("@ %s: %s\n", is_there(words[2]) ? "there" : "never", words[2]);
    } else if (strcmp(what, "run") == 0) {
        ended(count > 1 ? words[1] : "", run(words));
    } else if (strcmp(what, "start") == 0) {
        started = run(words);
    } else if (strcmp(what, "stop") == 0) {
        kill(started, SIGTERM);
        ended("what was started", started);
    } else if (strcmp(what, "say") != 0) {
        printf("@ unknown step %s\n", what);
    }
}

int main(void) {
    char line[1000];
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/run", 0755);
    mkdir("/tmp", 0777);
    mkdir("/etc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("run", "/run", "tmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    dup2(console, 0);
    dup2(console, 1);
    dup2(console, 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("HOME", "/tmp", 1);
    setenv("PATH", "/bin", 1);
    printf("\n@ up\n");
    FILE *steps = fopen("/steps", "re");
    int connected = 0;
    while (steps && fgets(line, sizeof line, steps)) {
        /* The card's module comes first, where the card has one. */
        if (strncmp(line, "module", 6) != 0 && !connected) {
            connected = 1;
            network();
        }
        step(line);
    }
    printf("@ done\n");
    fflush(stdout);
    sync();
    reboot(RB_AUTOBOOT);
    return 1;
}
