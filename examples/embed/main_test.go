package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

func TestServer(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open onstores.Open) {
		if open == nil {
			open = func(s *schema.Schema) (storage.Store, error) { return memory.New(s) }
		}
		e, err := build(open)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- serve(ctx, l, e) }()
		for _, step := range []struct {
			method, path, content string
			status                int
			want                  string
		}{
			{"POST", "/api/jars", `{"label": "plums"}`, 201, `"grams":500`},
			{"GET", "/hello", "", 200, "There are 1 jar."},
			{"POST", "/api/jars/1/open-up", "", 200, `"grams":250,"open":true`},
			{"POST", "/api/jars/1/open-up", "", 409, "state-conflict"},
		} {
			r, err := http.NewRequestWithContext(ctx, step.method, "http://"+l.Addr().String()+step.path, strings.NewReader(step.content))
			if err != nil {
				t.Fatal(err)
			}
			if step.content != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != step.status || !strings.Contains(string(body), step.want) {
				t.Errorf("%s %s: %d %s %v\nwant %d with %s", step.method, step.path, res.StatusCode, body, err, step.status, step.want)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
