package request

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
)

func isFile(f *schema.Field) bool {
	if f.Ref != nil || f.Many != nil {
		return false
	}
	_, is := f.Type.(*schema.FileType)
	return is
}

// fileContent makes the content the source of a file. It is not read here but for
// the head of a form: who may send it is found out first.
func fileContent(r *http.Request, op *operation, a *actions.PutFile) error {
	lines := r.Header["Content-Type"]
	empty := r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody
	if empty && len(lines) == 0 {
		return actions.Errorf(actions.ContentMissing, "The request needs content: send that of the file.")
	}
	if err := identity(r); err != nil {
		return err
	}
	if len(lines) > 1 {
		return unsupported(op, "There is more than one `Content-Type`.")
	}
	a.Source = &actions.Source{Reader: r.Body, Size: r.ContentLength}
	if empty {
		a.Source.Reader = http.NoBody
	}
	if len(lines) == 1 {
		a.Type = lines[0]
	}
	if media, params, err := mime.ParseMediaType(a.Type); err == nil && media == typeForm {
		return formContent(r, params["boundary"], a)
	}
	return named(a, r.Header["Content-Disposition"])
}

// named takes the name that the request has for the file. One in the query wins.
func named(a *actions.PutFile, lines []string) error {
	if len(lines) == 0 || a.Name != "" {
		return nil
	}
	_, params, err := mime.ParseMediaType(lines[0])
	if err != nil || len(lines) > 1 {
		e := actions.Errorf(actions.BadHeader, "`Content-Disposition` is written attachment; filename=\"NAME\", once.")
		e.Errors = []actions.Problem{{Code: "syntax", Detail: e.Detail, Header: "Content-Disposition"}}
		return e
	}
	a.Name = params["filename"]
	return nil
}

// mostOfHead bounds what a form may say ahead of the file.
const mostOfHead = 64 << 10

// formContent takes the one file of a form, as browsers send it.
func formContent(r *http.Request, boundary string, a *actions.PutFile) error {
	if boundary == "" {
		return actions.Errorf(actions.BadContent, "A form needs the parameter `boundary` in its `Content-Type`.")
	}
	head := &bounded{r: a.Source.Reader, left: mostOfHead}
	form := multipart.NewReader(head, boundary)
	p, err := form.NextRawPart()
	if err != nil {
		return badForm(err)
	}
	head.left = -1
	if p.FormName() != a.Field && p.FormName() != "file" || p.FileName() == "" {
		return actions.Errorf(actions.BadContent, "The form has one part, a file called `"+a.Field+"`; the first one is called `"+excerpt(p.FormName())+"`.")
	}
	if a.Type = p.Header.Get("Content-Type"); a.Type == "" {
		a.Type = "application/octet-stream"
	}
	if coding := p.Header.Get("Content-Transfer-Encoding"); coding != "" && !strings.EqualFold(coding, "binary") && !strings.EqualFold(coding, "8bit") && !strings.EqualFold(coding, "7bit") {
		return actions.Errorf(actions.BadContent, "The file in the form must not be encoded.")
	}
	if a.Name == "" {
		a.Name = p.FileName()
	}
	a.Source = &actions.Source{Reader: &formFile{form, p}, Size: -1}
	return nil
}

// formFile is the file in a form. It ends well only where the form does.
type formFile struct {
	form *multipart.Reader
	part *multipart.Part
}

func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		return n, badForm(err)
	}
	switch _, err := f.form.NextRawPart(); {
	case err == nil:
		return n, actions.Errorf(actions.BadContent, "The form has more than the file: send nothing else with it.")
	case err != io.EOF:
		return n, badForm(err)
	}
	return n, io.EOF
}

func badForm(err error) error {
	var refused *actions.Error
	if errors.As(err, &refused) {
		return refused
	}
	return &actions.Error{Code: actions.BadContent, Detail: "The form could not be read to its end.", Cause: err}
}

// bounded is a reader that has only so much, until left is negative.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.left < 0:
		return b.r.Read(p)
	case b.left == 0:
		return 0, actions.Errorf(actions.BadContent, "The form has too much ahead of the file.")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
