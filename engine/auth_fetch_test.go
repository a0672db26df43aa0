package engine_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dowel-dev/dowel/engine"
)

func TestFetchKeys(t *testing.T) {
	const most = 100
	full := bytes.Repeat([]byte("k"), most)
	followed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   []byte // nil is an error
	}{
		"as long as may be": {func(w http.ResponseWriter, _ *http.Request) { w.Write(full) }, full},
		"one byte more":     {func(w http.ResponseWriter, _ *http.Request) { w.Write(append(full, 'k')) }, nil},
		"an error":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, nil},
		"a redirect":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, nil},
		"half of it": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50")
			w.Write([]byte("keys"))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			got, err := engine.FetchKeys(t.Context(), s.URL, most)
			if (err == nil) != (c.want != nil) || !bytes.Equal(got, c.want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	if followed {
		t.Error("a redirect was followed")
	}
}
