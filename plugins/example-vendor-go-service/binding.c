/* What prony finds in the library: the descriptor, which must be in a section of its own, and the tables. */
#include "binding.h"

#include "_cgo_export.h"

#ifdef GO_VERSION
#undef PRONY_COMPILER
#define PRONY_COMPILER PRONY_DIGITS(GO_VERSION)
#endif

/* cgo knows no `const`. A service is a number of Go's, in the place of a pointer: objects of Go's must not be handed to C. */
static int32_t create(prony_text options, const prony_host *host, void **service, const prony_error *error) {
    uintptr_t handle = 0;
    const int32_t failed = goCreate(options, (prony_host *)host, &handle, (prony_error *)error);
    *service = (void *)handle;
    return failed;
}

static int32_t start(void *service, const prony_error *error) {
    return goStart((uintptr_t)service, (prony_error *)error);
}

static int32_t on_message(void *service, prony_text type, prony_text bytes, const prony_error *error) {
    return goHear((uintptr_t)service, type, bytes, (prony_error *)error);
}

static int32_t stop(void *service, uint64_t deadline_ns, const prony_error *error) {
    return goStop((uintptr_t)service, deadline_ns, (prony_error *)error);
}

static void destroy(void *service) {
    goDestroy((uintptr_t)service);
}

/* CHANGE: what it hears and publishes, here and in the descriptor. */
static const char *const hears[] = {"record_batch", "phase_recorded"};
static const prony_service billing = {
    sizeof billing, "ExampleVendorGoService", hears, 2, create, NULL, start, on_message, stop, destroy,
};
static const prony_service *const services[] = {&billing};

const prony_plugin prony_plugin_c_v1 = {sizeof prony_plugin_c_v1, PRONY_EPOCH, PRONY_MINOR, NULL, NULL, 0, services, 1};

/* What the runtime of Go uses. CHANGE: what you use beside that, such as PRONY_USES_NETWORK. */
#define USES PRONY_USES_THREADS "," PRONY_USES_ENVIRONMENT

PRONY_PLUGIN_DESCRIPTOR_USING("example-vendor-go-service", "0.1.0", USES, PRONY_NONE,
                              PRONY_SERVICE_TYPE("ExampleVendorGoService", PRONY_NO_OPTIONS,
                                                 "[\"record_batch\",\"phase_recorded\"]", "[\"example_vendor_go_service_tally\"]"));
