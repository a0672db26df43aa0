package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/dowel-dev/dowel/engine/cli"
)

// TestExamplesKeepTheirContracts calls every operation of the examples.
func TestExamplesKeepTheirContracts(t *testing.T) {
	for _, name := range []string{"minimal", "crm", "blog", "tracker", "ratings", "iso"} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := cli.Run(context.Background(), cli.App{}, []string{"test", "--contract", "-o", "json", "../../examples/" + name}, nil, &out, &errs, nil)
			var report struct {
				Operations, Done, Calls int
				Findings                []any
			}
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatalf("status %d: %v\n%s", status, err, errs.String())
			}
			if status != 0 || len(report.Findings) > 0 {
				t.Errorf("status %d\n%s", status, out.String())
			}
			if report.Done*2 < report.Operations || report.Calls < 20*report.Operations {
				t.Errorf("%d of %d operations were done, in %d calls: that proves little", report.Done, report.Operations, report.Calls)
			}
		})
	}
}

func TestContractRunsAlone(t *testing.T) {
	var out, errs bytes.Buffer
	status := cli.Run(context.Background(), cli.App{}, []string{"test", "--contract", "--mutate", "../../examples/minimal"}, nil, &out, &errs, nil)
	if status != 2 || !bytes.Contains(errs.Bytes(), []byte("leave out --contract")) {
		t.Errorf("status %d: %s", status, errs.String())
	}
}
