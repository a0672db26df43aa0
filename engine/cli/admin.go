package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/dowel-dev/dowel/engine/metrics"
)

// listenAdmin takes the address for operators, if the settings have one.
func (p *project) listenAdmin(r *run) error {
	at := p.cfg.AdminListen
	if at == "" {
		return nil
	}
	l, err := listen(at)
	if err != nil {
		return err
	}
	p.admin, p.metrics = l, metrics.New(r.app.version())
	r.note("admin     http://%s/metrics", reachable(l.Addr().String()))
	if !loopback(at) {
		r.note("warning: whoever reaches %s reads the metrics: it asks for no credentials", at)
	}
	return nil
}

// adminAddress keeps what is for operators on this machine, unless the setting names a host.
func adminAddress(to *string, v string) error {
	if err := address(to, v); err != nil {
		return err
	}
	if host, port, _ := cutLast(v, ":"); host == "" {
		*to = net.JoinHostPort("127.0.0.1", port)
	}
	return nil
}

// loopback reports whether only this machine reaches an address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Times of the server for operators. A profile takes half a minute and more.
const (
	adminHeaders = 5 * time.Second
	adminWrites  = 2 * time.Minute
)

// serveAdmin answers operators until the function it returns is called. It outlives the
// requests that drain, so that probes can see them go.
func (p *project) serveAdmin() (stop func()) {
	if p.admin == nil {
		return func() {}
	}
	s := &http.Server{
		Handler:           p.engine.Admin(p.cfg.AdminPprof || p.cfg.Engine.Log.Level == "debug"),
		ReadHeaderTimeout: adminHeaders,
		ReadTimeout:       adminHeaders,
		WriteTimeout:      adminWrites,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := s.Serve(p.admin); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("the admin listener has ended", slog.Any("cause", err))
		}
	}()
	return func() {
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.Shutdown(short) != nil {
			_ = s.Close() // a profile may run on
		}
	}
}

// closeAdmin gives the address back where nothing was served.
func (p *project) closeAdmin() {
	if p.admin != nil {
		_ = p.admin.Close() // closed already after serving
	}
}
