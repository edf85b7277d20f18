package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// An Out that writes down what it is given.
type written struct{ strings.Builder }

func (out *written) Text(_ uint32, text string)     { out.WriteString(text) }
func (out *written) Finish(_ uint32, reason string) { out.WriteString("|" + reason) }
func (out *written) Usage(_, completion *uint64)    { fmt.Fprintf(out, "|%d tokens", *completion) }
func (out *written) Error(message string)           { out.WriteString(message) }
func (out *written) Done()                          { out.WriteString("|done") }

func expect(t *testing.T, found, expected string) {
	t.Helper()
	if found != expected {
		t.Errorf("\n  expected %s\n  found    %s", expected, found)
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	bytes, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestATurnBecomesARequest(t *testing.T) {
	said := Message{Role: "user", Parts: []Part{{Text, `Say "hi"`}}}
	body, err := Format(&Turn{Model: "vendor-1", Messages: []Message{said}, MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(body)
	expect(t, string(text), `{"model":"vendor-1","messages":[{"role":"user","content":"Say \"hi\""}],`+
		`"stream":false,"max_tokens":8}`)
}

func TestWhatCannotBeSaidIsAFailure(t *testing.T) {
	const audio = 2
	_, err := Format(&Turn{Messages: []Message{{Role: "user", Parts: []Part{{audio, "data:"}}}}})
	var failure Failure
	if !errors.As(err, &failure) || failure.Kind != Unsupported {
		t.Errorf("found %v", err)
	}
}

func TestAFailureWithoutAKindIsNoSuccess(t *testing.T) {
	for _, err := range []error{Failure{Words: "read a reply"}, errors.New("read a reply")} {
		if kind := kindOf(err); kind != IO {
			t.Errorf("found %d", kind)
		}
	}
}

// prony splits streams by all rules.
func TestAStreamBecomesAnAnswer(t *testing.T) {
	var out written
	for _, line := range strings.Split(string(file(t, "tests/stream.sse")), "\n") {
		if data := strings.TrimPrefix(line, "data: "); data != line {
			if err := ReadEvent([]byte(data), &out); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, out.String(), `The capital is "Paris".|stop|6 tokens|done`)
}

func TestAWholeAnswerIsReadAsWell(t *testing.T) {
	var out written
	if err := ReadBody(file(t, "tests/answer.json"), &out); err != nil {
		t.Fatal(err)
	}
	expect(t, out.String(), "The capital is Paris.|stop|6 tokens")
}

func TestARefusalIsAnError(t *testing.T) {
	var out written
	if err := ReadBody([]byte(`{"error":{"message":"slow down"}}`), &out); err != nil {
		t.Fatal(err)
	}
	expect(t, out.String(), "slow down")
}

func TestWhatIsNoReplyIsMalformed(t *testing.T) {
	for _, body := range []string{"<html>", "7", `{"choices":[`, `{"choices":[{"delta":{"content":[]}}]}`} {
		var failure Failure
		if err := ReadBody([]byte(body), &written{}); !errors.As(err, &failure) || failure.Kind != Malformed {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// As the endpoints of prony's other examples do.
func TestAValueOfAnotherTypeIsAsIfItWereMissing(t *testing.T) {
	for body, expected := range map[string]string{
		`{"usage":{"completion_tokens":6.0}}`:                      "",
		`{"usage":{"completion_tokens":true}}`:                     "",
		`{"usage":{"prompt_tokens":"many","completion_tokens":6}}`: "|6 tokens",
		`{"usage":{}}`:            "",
		`{"error":"slow down"}`:   "",
		`{"error":{}}`:            "",
		`{"error":{"message":7}}`: "",
		`{"choices":[{"delta":{"content":null},"finish_reason":"stop"}]}`: "|stop",
		`{"choices":[{"delta":{"content":"Paris"},"finish_reason":{}}]}`:  "Paris",
		`{"choices":7,"usage":{"completion_tokens":6}}`:                   "|6 tokens",
	} {
		var out written
		if err := ReadBody([]byte(body), &out); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		expect(t, out.String(), expected)
	}
}
