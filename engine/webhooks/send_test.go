package webhooks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func TestSend(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var elsewhere atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer trap.Close()
	for _, c := range []struct {
		name    string
		handle  http.HandlerFunc
		public  bool
		want    string // of the error
		timeout time.Duration
	}{
		{name: "it is taken", handle: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method != "POST" || string(body) != `{"a":1}` || r.Header.Get("Webhook-Id") != "msg_1" || r.Header.Get("Webhook-Timestamp") != "1795262400" ||
				r.Header.Get("Webhook-Signature") != Sign(secret, "msg_1", noon, body) || r.Header.Get("X-Own") != "yes" {
				w.WriteHeader(400)
			}
		}},
		{name: "it fails", handle: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, want: "it answered 500"},
		{name: "it sends us elsewhere", handle: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, trap.URL, http.StatusTemporaryRedirect)
		}, want: "it answered 307, and redirects are not followed"},
		{name: "it hangs", handle: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, timeout: 100 * time.Millisecond, want: "it did not answer in time"},
		{name: "it never ends its answer", handle: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_, _ = io.WriteString(w, "…")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, timeout: 100 * time.Millisecond},
		{name: "it answers without end", handle: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
					return
				}
			}
		}},
		{name: "it is of this machine", public: true, want: errPrivate.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.handle == nil {
				c.handle = func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }
			}
			server := httptest.NewServer(c.handle)
			defer server.CloseClientConnections()
			s := NewSender(func() time.Time { return noon })
			if c.timeout == 0 {
				c.timeout = 20 * time.Second
			}
			err := s.Send(t.Context(), &Target{URL: server.URL, Secret: secret, Private: !c.public, Timeout: c.timeout, Headers: map[string]string{"X-Own": "yes", "Webhook-Id": "forged"}}, "msg_1", []byte(`{"a":1}`))
			if got := errorText(err); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went where they must not", n)
	}
	s := NewSender(time.Now)
	gone := httptest.NewServer(nil)
	gone.Close()
	if err := s.Send(t.Context(), &Target{URL: gone.URL, Secret: secret, Private: true}, "msg_1", nil); errorText(err) != "it refused the connection" {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSignature holds the example that others are tested with.
func TestSignature(t *testing.T) {
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	if got := Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "0.0.0.0": false, "100.64.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fd00::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false,
		"224.0.0.1": false, "255.255.255.255": false, "2002:7f00:1::": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for text, want := range map[string]bool{
		"https://example.com/hook": true, "http://example.com": true, "ftp://example.com": false, "example.com": false,
		"https://user:pw@example.com": false, "https://example.com/#a": false, "://": false,
	} {
		if got := CheckURL(text) == nil; got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	for text, want := range map[string]bool{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": true, "short": false, "whsec_?": false, strings.Repeat("x", 24): true} {
		if _, err := ParseSecret(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
