/* A stand-in for libusb-1.0 with one emulated stick, for running the real usb_modeswitch without hardware. Loaded with LD_PRELOAD.
 *
 * The stick: ids from RECORDER_ID (vvvv:pppp), device class 0, RECORDER_CONFIGURATIONS configurations (the first is active) with one storage
 * interface each, bulk OUT 01 and IN 81, a kernel driver bound, bus 1 device 5. Every transfer succeeds; bulk IN gives a good
 * status. Each call that matters is appended to the file RECORDER_LOG, one line in the words of the parity test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device_descriptor {
    uint8_t length, type; uint16_t usb; uint8_t class, subclass, protocol, max_packet;
    uint16_t vendor, product, release; uint8_t manufacturer, product_name, serial, configurations;
};
struct endpoint_descriptor {
    uint8_t length, type, address, attributes; uint16_t max_packet; uint8_t interval, refresh, synch;
    const unsigned char *extra; int extra_length;
};
struct interface_descriptor {
    uint8_t length, type, number, alternate, endpoints, class, subclass, protocol, name;
    const struct endpoint_descriptor *endpoint; const unsigned char *extra; int extra_length;
};
struct interface { const struct interface_descriptor *setting; int settings; };
struct config_descriptor {
    uint8_t length, type; uint16_t total; uint8_t interfaces, value, name, attributes, power;
    const struct interface *interface; const unsigned char *extra; int extra_length;
};

static int the_device, the_handle, the_context;
static int active = 1;
static unsigned char tag[4];
static const struct endpoint_descriptor endpoints[2] = {
    { 7, 5, 0x01, 2, 512, 0, 0, 0, NULL, 0 }, { 7, 5, 0x81, 2, 512, 0, 0, 0, NULL, 0 } };
static const struct interface_descriptor setting = { 9, 4, 0, 0, 2, 8, 6, 0x50, 0, endpoints, NULL, 0 };
static const struct interface interface = { &setting, 1 };
static struct config_descriptor configuration[8];

static int configurations(void) {
    const char *text = getenv("RECORDER_CONFIGURATIONS");
    return text ? atoi(text) : 1;
}
static void log_line(const char *text) {
    FILE *f = fopen(getenv("RECORDER_LOG"), "a");
    if (f) { fprintf(f, "%s\n", text); fclose(f); }
}
static void log_data(const char *head, const unsigned char *data, int length) {
    char line[4096]; int n = snprintf(line, sizeof line, "%s", head);
    for (int i = 0; i < length && n < 4000; i++) n += snprintf(line + n, sizeof line - n, "%02x", data[i]);
    log_line(line);
}

/* Nothing here takes time. */
unsigned sleep(unsigned seconds) { (void)seconds; return 0; }
int usleep(unsigned micros) { (void)micros; return 0; }

int libusb_init(void **context) { if (context) *context = &the_context; return 0; }
void libusb_exit(void *context) { (void)context; }
void libusb_set_debug(void *context, int level) { (void)context; (void)level; }
const char *libusb_error_name(int code) { (void)code; return "ERROR"; }
long libusb_get_device_list(void *context, void ***list) {
    (void)context; *list = calloc(2, sizeof(void *)); (*list)[0] = &the_device; return 1;
}
int libusb_get_device_descriptor(void *device, struct device_descriptor *d) {
    unsigned vendor = 0, product = 0; (void)device;
    sscanf(getenv("RECORDER_ID"), "%x:%x", &vendor, &product);
    memset(d, 0, sizeof *d);
    d->length = 18; d->type = 1; d->usb = 0x200; d->max_packet = 64; d->vendor = vendor; d->product = product;
    d->configurations = configurations();
    return 0;
}
static int give(int index, struct config_descriptor **out) {
    if (index < 0 || index >= configurations() || index >= 8) return -5;
    configuration[index] = (struct config_descriptor){ 9, 2, 32, 1, index + 1, 0, 0x80, 250, &interface, NULL, 0 };
    *out = &configuration[index];
    return 0;
}
int libusb_get_config_descriptor(void *device, uint8_t index, struct config_descriptor **out) {
    (void)device; return give(index, out);
}
int libusb_get_active_config_descriptor(void *device, struct config_descriptor **out) {
    (void)device; return give(active - 1, out);
}
void libusb_free_config_descriptor(struct config_descriptor *c) { (void)c; }
uint8_t libusb_get_bus_number(void *device) { (void)device; return 1; }
uint8_t libusb_get_device_address(void *device) { (void)device; return 5; }
int libusb_get_string_descriptor_ascii(void *h, uint8_t index, unsigned char *data, int length) {
    (void)h; (void)index; (void)data; (void)length; return -9;
}
int libusb_open(void *device, void **handle) { (void)device; *handle = &the_handle; return 0; }
void libusb_close(void *handle) { (void)handle; }
int libusb_kernel_driver_active(void *handle, int number) { (void)handle; (void)number; return 1; }

int libusb_detach_kernel_driver(void *h, int n) {
    char line[64]; (void)h; snprintf(line, sizeof line, "detach_kernel_driver if%d", n); log_line(line); return 0;
}
int libusb_claim_interface(void *h, int n) {
    char line[64]; (void)h; snprintf(line, sizeof line, "claim_interface %d", n); log_line(line); return 0;
}
int libusb_release_interface(void *h, int n) {
    char line[64]; (void)h; snprintf(line, sizeof line, "release_interface %d", n); log_line(line); return 0;
}
int libusb_set_configuration(void *h, int n) {
    char line[64]; (void)h; snprintf(line, sizeof line, "set_configuration %d", n); log_line(line);
    if (n > 0) active = n;
    return 0;
}
int libusb_set_interface_alt_setting(void *h, int n, int a) {
    char line[64]; (void)h; snprintf(line, sizeof line, "set_interface_alt_setting %d %d", n, a); log_line(line); return 0;
}
int libusb_reset_device(void *h) { (void)h; log_line("reset_device"); return 0; }
int libusb_clear_halt(void *h, unsigned char e) {
    char line[64]; (void)h; snprintf(line, sizeof line, "clear_halt ep%02x", e); log_line(line); return 0;
}
int libusb_control_transfer(void *h, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                            unsigned char *data, uint16_t length, unsigned timeout) {
    char head[128]; (void)h; (void)timeout;
    snprintf(head, sizeof head, "control %02x %02x %04x %04x %u ", type, request, value, index, length);
    log_data(head, data, type & 0x80 ? 0 : length);
    return length;
}
static int move(unsigned char endpoint, unsigned char *data, int length, int *moved) {
    char head[64];
    if (endpoint & 0x80) {
        unsigned char status[13] = "USBS";
        snprintf(head, sizeof head, "in %02x %d", endpoint, length);
        log_line(head);
        memcpy(status + 4, tag, 4);
        length = length < 13 ? length : 13;
        memcpy(data, status, length);
    } else {
        snprintf(head, sizeof head, "out %02x ", endpoint);
        log_data(head, data, length);
        if (length >= 8) memcpy(tag, data + 4, 4);
    }
    if (moved) *moved = length;
    return 0;
}
int libusb_bulk_transfer(void *h, unsigned char e, unsigned char *data, int length, int *moved, unsigned timeout) {
    (void)h; (void)timeout; return move(e, data, length, moved);
}
int libusb_interrupt_transfer(void *h, unsigned char e, unsigned char *data, int length, int *moved, unsigned timeout) {
    (void)h; (void)timeout; return move(e, data, length, moved);
}
