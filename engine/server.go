package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// drainFor is how long requests in flight get to finish once the server is told to stop.
const drainFor = 15 * time.Second

// Serve serves the application over HTTP on a listener, as Handler.Serve does.
func (e *Engine) Serve(ctx context.Context, l net.Listener) error {
	tidying, stop := context.WithCancel(ctx)
	defer stop()
	go e.tidy(tidying)
	go e.tidyFiles(tidying)
	over := make(chan struct{})
	go func() {
		defer close(over)
		e.background(tidying)
	}()
	err := e.handler.Serve(ctx, l)
	stop()
	<-over
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	e.handler.mail.wait(late)
	return err
}

// background tells subscribers and runs jobs until ctx is done, and ends what is under way.
func (e *Engine) background(ctx context.Context) {
	var working sync.WaitGroup
	working.Go(func() { e.Deliver(ctx) })
	working.Go(func() { e.Work(ctx) })
	working.Wait()
}

// sweepEvery is how often sessions that have expired are removed, sweepAtOnce
// how many in one transaction, so that writers never wait long for it.
const (
	sweepEvery  = time.Hour
	sweepAtOnce = 200
)

// tidy removes expired sessions, old jobs, and what histories keep no longer, until ctx is done.
func (e *Engine) tidy(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for {
			n, err := e.Accounts().Sweep(ctx, sweepAtOnce)
			if err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("expired sessions could not be removed", slog.Any("cause", err))
			}
			if err != nil || n < sweepAtOnce {
				break
			}
		}
		e.forget(ctx)
		for q := e.live.Load().queue; q != nil; {
			n, err := q.Sweep(ctx, e.cfg.Clock(), sweepAtOnce)
			if err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("old jobs could not be removed", slog.Any("cause", err))
			}
			if err != nil || n < sweepAtOnce {
				break
			}
		}
	}
}

// Serve answers requests on a listener until ctx is done. Then it refuses new
// requests, reports itself as not ready, lets those in flight finish, and returns nil. It
// closes the listener.
func (h *Handler) Serve(ctx context.Context, l net.Listener) error {
	limits := &h.settings.Limits
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: limits.HeaderRead,
		// Of a request whose content the handler reads, pacedBody moves both on.
		ReadTimeout:  limits.HeaderRead + limits.Request + grace,
		WriteTimeout: limits.HeaderRead + limits.Request + 2*grace,
		IdleTimeout:  limits.Idle,
		// The handler checks both limits to the byte and answers with a problem; this bounds what it is shown.
		MaxHeaderBytes: limits.HeaderBytes + 2*limits.Target,
		ErrorLog:       slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	h.Drain()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		_ = s.Close()
		return fmt.Errorf("requests were still running after %s: %w", drainFor, err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}
