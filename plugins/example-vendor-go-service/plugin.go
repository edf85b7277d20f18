// A service of Example Vendor's, beside the load. `CHANGE` marks what is theirs; the rest can stay.
package main

import (
	"encoding/json"
	"time"
)

// What it hears and says. CHANGE: your own, here and in the descriptor of binding.c.
const (
	records  = "record_batch"
	recorded = "phase_recorded"
	tally    = "example_vendor_go_service_tally"
)

// It counts. It is called from one thread at a time and must return soon: long work goes into a goroutine of its own.
type counter struct {
	host    Host
	counted counts
}

type counts struct {
	Requests     uint64 `json:"requests"`
	Failed       uint64 `json:"failed"`
	OutputTokens uint64 `json:"output_tokens"`
}

// New makes the service of a run. CHANGE: read your options, a JSON object, and keep them. A wrong one is a Failure of the kind
// Config; members that you do not know are those of others.
func New(_ []byte, host Host) (Service, error) {
	return &counter{host: host}, nil
}

// Start begins work of its own, such as a goroutine.
func (service *counter) Start() error { return nil }

// Hear takes one message: its type, and JSON. CHANGE: what it does with what it hears.
func (service *counter) Hear(kind string, message []byte) error {
	if kind == recorded {
		return service.publish()
	}
	var batch struct {
		Records []struct {
			OutputTokens uint64 `json:"output_tokens"`
			Error        any
		}
	}
	if err := json.Unmarshal(message, &batch); err != nil {
		return Failure{Malformed, "read a message of requests: " + err.Error()}
	}
	for _, record := range batch.Records {
		service.counted.Requests++
		service.counted.OutputTokens += record.OutputTokens
		if record.Error != nil {
			service.counted.Failed++
		}
	}
	return nil
}

// Stop ends its goroutines within this time.
func (service *counter) Stop(time.Duration) error { return nil }

// A table that people see.
type table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]uint64 `json:"rows"`
}

// Publishes what it has counted, and begins anew. CHANGE: your own message.
func (service *counter) publish() error {
	sums := service.counted
	service.counted = counts{}
	message, err := json.Marshal(struct {
		counts
		Table table `json:"prony_table"`
	}{sums, table{
		Title:   "Requests as counted by Example Vendor",
		Columns: []string{"requests", "failed", "output tokens"},
		Rows:    [][]uint64{{sums.Requests, sums.Failed, sums.OutputTokens}},
	}})
	if err != nil {
		return err
	}
	service.host.Log(Info, string(message))
	if !service.host.Publish(tally, message) {
		return Failure{IO, "publish the tally: the bus does not take it"}
	}
	return nil
}
