// A service of Example Vendor's, beside the load. `CHANGE` marks what is theirs; the rest can stay.
#include "prony.hpp"

using prony::Failure;
using prony::Json;
using prony::lent;

// What it hears and says. CHANGE: your own, here and in the descriptor.
#define RECORDS "record_batch"
#define RECORDED "phase_recorded"
#define TALLY "example_vendor_cpp_service_tally"

namespace {

// It counts. It must return soon: long work goes into a thread of its own.
class Tally : public prony::Service {
public:
    // CHANGE: read your options here, and keep them. A wrong one is `throw Failure(PRONY_CONFIG, "...")`.
    Tally(Json, const prony_host *its_host) : host(its_host) {}

    void on_message(std::string_view type, prony_text bytes) override {
        if (type == RECORDED) {
            publish();
        } else if (type == RECORDS && host->message_json(host, bytes, this, count) == 0) {
            throw Failure(PRONY_MALFORMED, "read a message of requests");
        }
    }

private:
    // CHANGE: what it does with what it hears.
    static void count(void *service, prony_text batch) {
        Tally &own = *static_cast<Tally *>(service);
        Json::of(batch)["records"].each([&](Json record) {
            const Json failure = record["error"];
            const uint64_t tokens = record["output_tokens"].count();
            own.requests++;
            own.failed += failure && !prony_is(failure, "null") ? 1 : 0;
            own.output_tokens += tokens == PRONY_ABSENT ? 0 : tokens;
        });
    }

    // Publishes what it has counted, with a table that people see, and begins anew. CHANGE: your own message.
    void publish() {
        const std::string sums[] = {std::to_string(requests), std::to_string(failed), std::to_string(output_tokens)};
        const std::string message =
            R"({"requests":)" + sums[0] + R"(,"failed":)" + sums[1] + R"(,"output_tokens":)" + sums[2] +
            R"(,"prony_table":{"title":"Requests as counted by Example Vendor","columns":["requests","failed","output tokens"],)" +
            R"("rows":[[)" + sums[0] + "," + sums[1] + "," + sums[2] + "]]}}";
        requests = failed = output_tokens = 0;
        host->log(host, PRONY_LOG_INFO, lent(TALLY), lent(message));
        if (host->publish_json(host, lent(TALLY), lent(message)) != PRONY_PUBLISHED) {
            throw Failure(PRONY_IO, "publish the tally: the bus does not take it");
        }
    }

    const prony_host *host;
    uint64_t requests = 0, failed = 0, output_tokens = 0;
};

constexpr const char *hears[] = {RECORDS, RECORDED};
constexpr prony_service billing = prony::service<Tally>("ExampleVendorCppService", hears);
const prony_service *const services[] = {&billing};

} // namespace

const prony_plugin prony_plugin_c_v1 = {sizeof(prony_plugin), PRONY_EPOCH, PRONY_MINOR, nullptr, nullptr, 0, services, 1};

PRONY_PLUGIN_DESCRIPTOR_USING("example-vendor-cpp-service", "0.1.0", PRONY_NONE, PRONY_NONE,
                              PRONY_SERVICE_TYPE("ExampleVendorCppService", PRONY_NO_OPTIONS,
                                                 "[\"" RECORDS "\",\"" RECORDED "\"]", "[\"" TALLY "\"]"));
