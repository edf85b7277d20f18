package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A host that keeps what is published, or takes nothing.
type kept struct {
	message string
	isFull  bool
}

func (host *kept) Publish(_ string, message []byte) bool {
	host.message = string(message)
	return !host.isFull
}

func (host *kept) Log(uint32, string) {}

func counting(t *testing.T, host Host) Service {
	t.Helper()
	service, err := New([]byte("{}"), host)
	if err == nil {
		err = service.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func TestItCountsWhatItHears(t *testing.T) {
	host := &kept{}
	service := counting(t, host)
	batch := `{"records":[{"output_tokens":5,"error":null},{"output_tokens":2,"error":{"type":"timeout"}}]}`
	if err := service.Hear(records, []byte(batch)); err != nil {
		t.Fatal(err)
	}
	if err := service.Hear(recorded, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(host.message, `{"requests":2,"failed":1,"output_tokens":7,"prony_table":{`) {
		t.Errorf("found %s", host.message)
	}
	if err := service.Stop(time.Second); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoBatchIsMalformed(t *testing.T) {
	var failure Failure
	err := counting(t, &kept{}).Hear(records, []byte("["))
	if !errors.As(err, &failure) || failure.Kind != Malformed {
		t.Errorf("found %v", err)
	}
}

func TestABusThatTakesNothingIsAFailure(t *testing.T) {
	var failure Failure
	err := counting(t, &kept{isFull: true}).Hear(recorded, []byte("{}"))
	if !errors.As(err, &failure) || failure.Kind != IO {
		t.Errorf("found %v", err)
	}
}
