/* A service of Example Vendor's, beside the load. `CHANGE` marks what is theirs; the rest can stay. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "prony_plugin.h"

/* What it hears and says. CHANGE: your own, here and in the descriptor. */
#define RECORDS "record_batch"
#define RECORDED "phase_recorded"
#define TALLY "example_vendor_c_service_tally"

/* It counts. It is called from one thread at a time and must return soon: long work goes into a thread of its own. */
typedef struct tally {
    const prony_host *host;
    uint64_t requests, failed, output_tokens;
} tally;

static int32_t create(prony_text options, const prony_host *host, void **service, const prony_error *error) {
    tally *made = (tally *)calloc(1, sizeof *made);
    (void)options;
    if (!made) {
        return prony_fail(error, PRONY_IO, "get memory for the service");
    }
    made->host = host;
    *service = made;
    return PRONY_OK;
}

static void destroy(void *service) {
    free(service);
}

/* CHANGE: what it does with what it hears. */
static void count(void *service, prony_text batch) {
    tally *own = (tally *)service;
    const prony_text records = prony_json_get(prony_json(batch), "records");
    prony_text record = prony_json_nothing();
    while (prony_json_next(records, &record)) {
        const prony_text failure = prony_json_get(record, "error");
        own->requests++;
        own->failed += failure.data && !prony_is(failure, "null");
        own->output_tokens += prony_json_number(prony_json_get(record, "output_tokens"), 0);
    }
}

/* Publishes what it has counted, with a table that people see, and begins anew. CHANGE: your own message. */
static int32_t publish(tally *own, const prony_error *error) {
    char message[512];
    const char *form = "{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"output_tokens\":%" PRIu64 ",\"prony_table\":{"
                       "\"title\":\"Requests as counted by Example Vendor\",\"columns\":[\"requests\",\"failed\",\"output tokens\"],"
                       "\"rows\":[[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]]}}";
    const uint64_t requests = own->requests, failed = own->failed, tokens = own->output_tokens;
    snprintf(message, sizeof message, form, requests, failed, tokens, requests, failed, tokens);
    own->requests = own->failed = own->output_tokens = 0;
    own->host->log(own->host, PRONY_LOG_INFO, prony_text_of(TALLY), prony_text_of(message));
    if (own->host->publish_json(own->host, prony_text_of(TALLY), prony_text_of(message)) != PRONY_PUBLISHED) {
        return prony_fail(error, PRONY_IO, "publish the tally: the bus does not take it");
    }
    return PRONY_OK;
}

static int32_t on_message(void *service, prony_text type, prony_text bytes, const prony_error *error) {
    tally *own = (tally *)service;
    if (prony_is(type, RECORDED)) {
        return publish(own, error);
    }
    if (prony_is(type, RECORDS) && !own->host->message_json(own->host, bytes, own, count)) {
        return prony_fail(error, PRONY_MALFORMED, "read a message of requests");
    }
    return PRONY_OK;
}

static const char *const hears[] = {RECORDS, RECORDED};
static const prony_service billing = {
    sizeof billing, "ExampleVendorCService", hears, 2, create, NULL, NULL, on_message, NULL, destroy,
};
static const prony_service *const services[] = {&billing};

const prony_plugin prony_plugin_c_v1 = {sizeof prony_plugin_c_v1, PRONY_EPOCH, PRONY_MINOR, NULL, NULL, 0, services, 1};

PRONY_PLUGIN_DESCRIPTOR_USING("example-vendor-c-service", "0.1.0", PRONY_NONE, PRONY_NONE,
                              PRONY_SERVICE_TYPE("ExampleVendorCService", PRONY_NO_OPTIONS,
                                                 "[\"" RECORDS "\",\"" RECORDED "\"]", "[\"" TALLY "\"]"));
