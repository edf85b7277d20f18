/* What prony finds in the library: the descriptor, which must be in a section of its own, and the tables. */
#include "binding.h"

#include "_cgo_export.h"

#ifdef GO_VERSION
#undef PRONY_COMPILER
#define PRONY_COMPILER PRONY_DIGITS(GO_VERSION)
#endif

/* cgo knows no `const`. */
static int32_t format(void *endpoint, const prony_turn *turn, const prony_request *request, const prony_error *error) {
    (void)endpoint;
    return goFormat((prony_turn *)turn, (prony_request *)request, (prony_error *)error);
}

static int32_t event(void *parser, prony_text name, prony_text bytes, const prony_events *out, const prony_error *error) {
    (void)parser, (void)name;
    return goEvent(bytes, (prony_events *)out, (prony_error *)error);
}

static int32_t body(void *parser, uint32_t status, prony_text bytes, const prony_events *out, const prony_error *error) {
    (void)parser, (void)status;
    return goBody(bytes, (prony_events *)out, (prony_error *)error);
}

/* It keeps nothing, neither of a run nor of a response: there is nothing to create and to destroy. Objects of Go's must not be
   handed to prony; a `cgo.Handle` may, as a number. */
static const prony_endpoint chat = {
    sizeof chat, "ExampleVendorGo", NULL, NULL, format, NULL, NULL, event, body, NULL,
};
static const prony_endpoint *const endpoints[] = {&chat};

const prony_plugin prony_plugin_c_v1 = {sizeof prony_plugin_c_v1, PRONY_EPOCH, PRONY_MINOR, NULL, endpoints, 1, NULL, 0};

/* What the runtime of Go uses. CHANGE: what you use beside that, such as PRONY_USES_NETWORK. */
#define USES PRONY_USES_THREADS "," PRONY_USES_ENVIRONMENT

PRONY_PLUGIN_DESCRIPTOR_USING("example-vendor-go", "0.1.0", USES, PRONY_ENDPOINT_TYPE("ExampleVendorGo", PRONY_NO_OPTIONS), PRONY_NONE);
