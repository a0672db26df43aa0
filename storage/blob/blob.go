// Package blob keeps the content of files outside of the database.
//
// A Store is a place for content under keys that are used once: content never
// changes, so that reading needs no locks and an upload that fails leaves no trace. Rows
// name the keys; what no row names is found by List and removed (the engine sweeps).
//
//	folder.go  files in a local folder
//	s3.go      objects in S3-compatible storage
//	memory.go  for tests and databases in memory
//
// Every store passes package blobtest, which is the specification.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Store keeps content. It is safe for concurrent use.
type Store interface {
	// Put keeps what r has, up to its end, under a key that was never used before. It holds little of
	// it in memory. When r or the store fails, nothing is kept under the key; when Put
	// returns nil, the content outlives a crash.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open returns the content of a key, ErrNotFound where there is none. ctx is that
	// of all reading.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Delete removes content. A key that is not there is no error.
	Delete(ctx context.Context, key string) error
	// List tells what is kept below a prefix that ends with a slash, in no order. What
	// uploads that were cut off have left behind is listed, too, under keys of its own that Delete takes.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Close releases the store.
	Close() error
}

// Info is what a store knows of a key.
type Info struct {
	Key      string
	Modified time.Time
}

// ErrNotFound says that there is no content under a key.
var ErrNotFound = errors.New("blob: there is no such content")

// keys are names joined by slashes: what every store can take, and no path out of it.
var keys = regexp.MustCompile(`\A[0-9a-z_]+(?:[./][0-9a-z_]+)*\z`)

func checkKey(key string) error {
	if !keys.MatchString(key) || len(key) > 200 {
		return fmt.Errorf("blob: %q is no key", key)
	}
	return nil
}

// Check reports what is wrong with the address of a store.
func Check(address string) error {
	_, _, err := split(address)
	return err
}

// Open opens a store by its address: file:PATH, relative to base; s3://BUCKET/PREFIX, or memory:.
func Open(address, base string) (Store, error) {
	scheme, rest, err := split(address)
	if err != nil {
		return nil, err
	}
	switch scheme {
	case "memory":
		return NewMemory(), nil
	case "s3":
		return openS3(address)
	}
	if !filepath.IsAbs(rest) {
		rest = filepath.Join(base, rest)
	}
	return NewFolder(rest), nil
}

func split(address string) (scheme, rest string, err error) {
	scheme, rest, _ = strings.Cut(address, ":")
	switch scheme {
	case "file":
		if rest = strings.TrimPrefix(rest, "//"); rest != "" {
			return scheme, rest, nil
		}
	case "memory":
		if rest == "" {
			return scheme, rest, nil
		}
	case "s3":
		u, err := url.Parse(address)
		if err == nil && u.Host != "" {
			return scheme, rest, checkS3(u)
		}
	}
	return "", "", errors.New("expected file:PATH, memory: or s3://BUCKET/PREFIX")
}
