package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// partSize is how much of an upload is in memory at once: the least that S3 takes as
// a part. With its 10,000 parts that is room for files of 48 GiB.
const partSize = 5 << 20

// S3 keeps content as objects of a bucket.
type S3 struct {
	client *minio.Client
	bucket string
	prefix string // ends with a slash, or is ""
}

// checkS3 reports what is wrong with the address of a bucket.
func checkS3(u *url.URL) error {
	if u.User != nil {
		return errors.New("credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from where the AWS tools find them, not from the address")
	}
	for name, values := range u.Query() {
		switch name {
		case "region":
		case "endpoint":
			e, err := url.Parse(values[0])
			if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || strings.Trim(e.Path, "/") != "" {
				return errors.New("endpoint is an address like https://minio.example.com:9000")
			}
		default:
			return fmt.Errorf("an s3 address has no parameter %s: it has endpoint and region", name)
		}
	}
	return nil
}

// openS3 opens s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME. It asks nothing yet.
func openS3(address string) (*S3, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	endpoint, secure := "s3.amazonaws.com", true
	if text := u.Query().Get("endpoint"); text != "" {
		e, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		endpoint, secure = e.Host, e.Scheme == "https"
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: secure, Region: u.Query().Get("region"),
	})
	if err != nil {
		return nil, err
	}
	s := &S3{client: client, bucket: u.Host}
	if p := strings.Trim(u.Path, "/"); p != "" {
		s.prefix = path.Clean(p) + "/"
	}
	return s, nil
}

// Put uploads in parts where the content is larger than one. The storage keeps all of it or nothing.
func (s *S3) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	head, err := io.ReadAll(io.LimitReader(r, partSize+1))
	if err != nil {
		return err
	}
	var content io.Reader = bytes.NewReader(head)
	size := int64(len(head))
	if size > partSize {
		content, size = io.MultiReader(content, r), -1 // nobody says how much more there is
	}
	_, err = s.client.PutObject(ctx, s.bucket, s.prefix+key, content, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1, SendContentMd5: true, DisableContentSha256: true,
	})
	return err
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	o, err := s.client.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if _, err := o.Stat(); err != nil {
		_ = o.Close() // nothing was read
		if missing(err) {
			return nil, ErrNotFound
		}
		return nil, err
	}
	return o, nil
}

// missing reports whether there is no such object.
func missing(err error) bool { return minio.ToErrorResponse(err).Code == minio.NoSuchKey }

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if upload, is := strings.CutSuffix(key, part); is {
		return s.client.RemoveIncompleteUpload(ctx, s.bucket, s.prefix+upload)
	}
	err := s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{})
	if missing(err) {
		return nil
	}
	return err
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
			if !yield(Info{strings.TrimPrefix(o.Key, s.prefix), o.LastModified}, o.Err) || o.Err != nil {
				return
			}
		}
		for o := range s.client.ListIncompleteUploads(ctx, s.bucket, s.prefix+prefix, true) {
			if minio.ToErrorResponse(o.Err).Code == minio.NoSuchUpload {
				return // some servers say so where there are none
			}
			if !yield(Info{strings.TrimPrefix(o.Key, s.prefix) + part, o.Initiated}, o.Err) || o.Err != nil {
				return
			}
		}
	}
}

// Close implements Store.
func (s *S3) Close() error { return nil }
