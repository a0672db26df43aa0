package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/storage"
)

// healthCmd is `dowel health`, made for container health checks.
type healthCmd struct {
	URL     string        `placeholder:"URL" help:"Server to ask; default is the configured address."`
	Timeout time.Duration `default:"3s" help:"How long to wait."`
	Folder  string        `arg:"" optional:"" default:"." help:"The application."`
}

func (c *healthCmd) Run(r *run) error {
	base := c.URL
	if base == "" {
		folder, _, err := place(c.Folder)
		if err != nil {
			return err
		}
		cfg, err := r.readConfig(folder, nil)
		if err != nil {
			return err
		}
		base = "http://" + reachable(cfg.Listen)
	}
	ctx, cancel := context.WithTimeout(r.ctx, c.Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/readyz?verbose", nil)
	if err != nil {
		return misuse("--url: %v", err)
	}
	// No proxy of the environment stands between a server and its own health check.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := client.Do(q)
	if err != nil {
		return unavailable(fmt.Errorf("%s does not answer: %w", base, errors.Unwrap(err)))
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, 1<<16))
	if err != nil {
		return unavailable(err)
	}
	if a.StatusCode != http.StatusOK {
		lines := partsNotOK(body)
		if len(lines) == 0 {
			lines = []string{strings.TrimSpace(string(body))}
		}
		return refuse(fmt.Errorf("%s is not ready: %s", base, a.Status), lines...)
	}
	fmt.Fprintln(r.out, "ready")
	for _, line := range partsNotOK(body) {
		r.note("%s", line)
	}
	return nil
}

// partsNotOK reads the answer of /readyz?verbose: a line for each part that is not in order.
func partsNotOK(body []byte) (lines []string) {
	var answer struct {
		Checks []struct {
			Name, Status string
			Lag          int64 `json:"lag_ms"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil // of something else, or of a server without the details
	}
	for _, c := range answer.Checks {
		switch {
		case c.Status == storage.StatusOK:
		case c.Lag > 0:
			lines = append(lines, fmt.Sprintf("%s: %s (%d ms behind)", c.Name, c.Status, c.Lag))
		default:
			lines = append(lines, c.Name+": "+c.Status)
		}
	}
	return lines
}

// reachable turns a listen address into one a client can dial.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
