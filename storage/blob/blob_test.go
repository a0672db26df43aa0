package blob_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/storage/blob"
	"github.com/dowel-dev/dowel/storage/blob/blobtest"
)

func TestMemory(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return blob.NewMemory() })
}

func TestFolder(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return blob.NewFolder(filepath.Join(t.TempDir(), "data", "files")) })
}

func TestS3(t *testing.T) {
	for _, prefix := range []string{"", "/app/files"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s, err := blob.Open(blobtest.Bucket(t, prefix), "")
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

func TestABucketThatIsMissingTakesNothing(t *testing.T) {
	s, err := blob.Open(strings.Replace(blobtest.Bucket(t, ""), "things", "others", 1), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err == nil {
		t.Error("it was put nowhere")
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ address, err string }{
		{"file:data/files", ""},
		{"file:///var/lib/files", ""},
		{"memory:", ""},
		{"s3://bucket", ""},
		{"s3://bucket/some/prefix?region=eu-central-1&endpoint=https://minio.example.com:9000", ""},
		{"", "expected"},
		{"file:", "expected"},
		{"memory:x", "expected"},
		{"data/files", "expected"},
		{"s3://", "expected"},
		{"http://bucket", "expected"},
		{"s3://key:secret@bucket", "AWS_ACCESS_KEY_ID"},
		{"s3://bucket?endpoint=minio:9000", "endpoint is an address"},
		{"s3://bucket?endpoint=https://minio/path", "endpoint is an address"},
		{"s3://bucket?acl=public", "no parameter acl"},
	} {
		switch err := blob.Check(c.address); {
		case c.err == "" && err != nil:
			t.Errorf("%q: %v", c.address, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: %v, want %q", c.address, err, c.err)
		}
	}
}

func TestAFolderIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "files")
	s := blob.NewFolder(path)
	if _, err := os.Stat(path); err == nil {
		t.Error("it is made before anything is in it")
	}
	if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "a": 0o700, "a/b": 0o600} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has %o, want %o", name, got, want)
		}
	}
}
