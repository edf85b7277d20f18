// What the service counts and publishes, tried through the tables that prony uses: `ctest --test-dir build`.
#include <cstdio>

#include "prony.hpp"

namespace {

std::string published;

// A host whose messages are JSON as they are, and which keeps what is published.
prony_host a_host() {
    prony_host host = {};
    host.size = sizeof host;
    host.epoch = PRONY_EPOCH;
    host.minor = PRONY_MINOR;
    host.log = [](const prony_host *, uint32_t, prony_text, prony_text) {};
    host.publish_json = [](const prony_host *, prony_text, prony_text json) -> uint32_t {
        published = prony::view(json);
        return PRONY_PUBLISHED;
    };
    host.message_json = [](const prony_host *, prony_text bytes, void *context, prony_take take) -> int32_t {
        if (!prony::Json::of(bytes)) {
            return 0;
        }
        take(context, bytes);
        return 1;
    };
    return host;
}

void ignore(const prony_error *, prony_text) {}

} // namespace

int main() {
    const prony_service *service = prony_plugin_c_v1.services[0];
    const prony_error words = {sizeof(prony_error), ignore, ignore};
    const prony_host host = a_host();
    const char *batch = R"({"records":[{"output_tokens":5,"error":null},{"output_tokens":2,"error":{"type":"timeout"}}]})";
    const std::string expected = R"({"requests":2,"failed":1,"output_tokens":7,)";
    void *made = nullptr;
    if (service->create(prony::lent("{}"), &host, &made, &words) != PRONY_OK) {
        return 1;
    }
    service->start(made, &words);
    service->on_message(made, prony::lent("record_batch"), prony::lent(batch), &words);
    service->on_message(made, prony::lent("phase_recorded"), prony::lent("{}"), &words);
    const bool is_counted = published.compare(0, expected.size(), expected) == 0 && prony::Json::of(prony::lent(published));
    const int32_t failed = service->on_message(made, prony::lent("record_batch"), prony::lent("["), &words);
    service->stop(made, 1000000000, &words);
    service->destroy(made);
    const bool is_right = is_counted && failed == PRONY_MALFORMED;
    std::puts(is_right ? "It does what it should." : published.c_str());
    return is_right ? 0 : 1;
}
