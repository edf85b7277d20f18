/* What the service counts and publishes, tried through the tables that prony uses: `make check`. */
#include <stdio.h>

#include "prony_plugin.h"

static char published[1 << 12];

/* A host whose messages are JSON as they are, and which writes down what is published. */
static void on_log(const prony_host *host, uint32_t level, prony_text target, prony_text text) {
    (void)host, (void)level, (void)target, (void)text;
}
static uint32_t on_publish(const prony_host *host, prony_text type, prony_text json) {
    (void)host, (void)type;
    if (json.length >= sizeof published) {
        return PRONY_PUBLISH_TOO_LARGE;
    }
    memcpy(published, json.data, json.length);
    published[json.length] = 0;
    return PRONY_PUBLISHED;
}
static int32_t as_json(const prony_host *host, prony_text bytes, void *context, prony_take take) {
    (void)host;
    if (!prony_json(bytes).data) {
        return 0;
    }
    take(context, bytes);
    return 1;
}
static void on_error_text(const prony_error *error, prony_text text) { (void)error, (void)text; }

static const prony_error words = {sizeof words, on_error_text, on_error_text};
static const prony_host host = {
    sizeof host, PRONY_EPOCH, PRONY_MINOR, NULL, on_log, NULL, on_publish, as_json, NULL, NULL, NULL,
};

int main(void) {
    const prony_service *service = prony_plugin_c_v1.services[0];
    const char *batch = "{\"records\":[{\"output_tokens\":5,\"error\":null},{\"output_tokens\":2,\"error\":{\"type\":\"timeout\"}}]}";
    const char *expected = "{\"requests\":2,\"failed\":1,\"output_tokens\":7,";
    void *made = NULL;
    int is_right;
    if (service->create(prony_text_of("{}"), &host, &made, &words) != PRONY_OK) {
        return 1;
    }
    service->on_message(made, prony_text_of("record_batch"), prony_text_of(batch), &words);
    service->on_message(made, prony_text_of("phase_recorded"), prony_text_of("{}"), &words);
    is_right = strncmp(published, expected, strlen(expected)) == 0 && prony_json(prony_text_of(published)).data;
    is_right = is_right && service->on_message(made, prony_text_of("record_batch"), prony_text_of("["), &words) == PRONY_MALFORMED;
    service->destroy(made);
    puts(is_right ? "It does what it should." : published);
    return is_right ? 0 : 1;
}
