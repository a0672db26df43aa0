package openapi

import (
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// binary is content as it is: of no schema in 3.1, a string of its own format before.
func (b *builder) binary() *openapi3.SchemaRef {
	if b.exact {
		return (&openapi3.Schema{}).NewRef()
	}
	return format("binary", "").NewRef()
}

// mediaTypes are those that the content of a file may have.
func mediaTypes(f *schema.Field) []string {
	if all := f.Type.(*schema.FileType).Accept(); len(all) > 0 {
		return all
	}
	return []string{"*/*"}
}

// upload is the content of a request that sets a file: alone, or as browsers put it into a form.
func (b *builder) upload(op *request.Operation) *openapi3.RequestBodyRef {
	body := openapi3.NewRequestBody().WithDescription(uploadLimits(op.File))
	body.Required = true
	body.Content = openapi3.Content{}
	for _, name := range mediaTypes(op.File) {
		body.Content[name] = media(b.binary())
	}
	if b.exact {
		form := typed("object").WithPropertyRef(op.File.JSON, (&openapi3.Schema{}).NewRef())
		form.Required = []string{op.File.JSON}
		body.Content["multipart/form-data"] = media(form.NewRef())
	}
	return &openapi3.RequestBodyRef{Value: body}
}

func uploadLimits(f *schema.Field) string {
	text := "The content of the file, as it is"
	if most := f.Type.(*schema.FileType).Max(); most > 0 {
		text += "; at most " + strconv.FormatInt(most, 10) + " bytes"
	}
	return text + "."
}

// download says how the content of a file is answered: all of it, or parts.
func (b *builder) download(r *openapi3.Responses, op *request.Operation) {
	shown := func(description string, fields ...string) *openapi3.ResponseRef {
		a := openapi3.NewResponse().WithDescription(description)
		a.Headers = b.headers(append([]string{"Accept-Ranges", "Content-Disposition", "Content-Security-Policy", "ETag", "X-Request-Id"}, fields...)...)
		a.Content = openapi3.Content{}
		for _, name := range mediaTypes(op.File) {
			a.Content[name] = media(b.binary())
		}
		return &openapi3.ResponseRef{Value: a}
	}
	r.Set("200", shown("The content of the file."))
	r.Set("206", shown("The parts that `Range` asks for.", "Content-Range"))
	b.failures(r, 416)
}

// fileOperation names an operation on a file: getCustomerPhoto.
func fileOperation(op *request.Operation) string {
	verb := map[request.Verb]string{request.GetFile: "download", request.PutFile: "upload", request.ClearProperty: "clear"}[op.Verb]
	return verb + op.From.TypeName + schema.Pascal(op.File.Name)
}

// fileSummary is an operation on a file in a few words.
func fileSummary(op *request.Operation) string {
	verb := map[request.Verb]string{request.GetFile: "Download", request.PutFile: "Upload", request.ClearProperty: "Remove"}[op.Verb]
	return verb + " the " + words(op.File.Name) + " of a " + words(op.From.Name)
}

// fileProse is what else is to be known of an operation on a file.
func fileProse(op *request.Operation) string {
	switch op.Verb {
	case request.GetFile:
		return "Where there is none, it is not found. `Range` asks for parts."
	case request.PutFile:
		text := "The content is streamed. Its name is `name`, or the filename in `Content-Disposition`."
		if types := op.File.Type.(*schema.FileType).Accept(); len(types) > 0 {
			text += " Taken are " + strings.Join(types, ", ") + "."
		}
		return text
	}
	return "The member becomes null."
}

// offeredFile reports whether an operation on a file can ever do something.
func offeredFile(op *request.Operation) bool {
	f := op.File
	switch op.Verb {
	case request.GetFile:
		return !f.WriteOnly
	case request.PutFile:
		return !f.ReadOnly
	}
	return !f.ReadOnly && !f.Immutable
}
