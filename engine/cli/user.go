package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// userCmd is `dowel user`.
type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Make an account; the password comes from a prompt, stdin or a file."`
	Passwd userPasswdCmd `cmd:"" help:"Set a password."`
	Role   userRoleCmd   `cmd:"" help:"Give an account another role."`
	List   userListCmd   `cmd:"" help:"List the accounts."`
}

// accountFlags are understood wherever accounts are changed.
type accountFlags struct {
	DB string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
}

func (f *accountFlags) open(r *run, folder string) (*project, *schema.Class, error) {
	flags := map[string]string{}
	if f.DB != "" {
		flags["db"] = f.DB
	}
	p, err := r.open(folder, flags)
	if err != nil {
		return nil, nil, err
	}
	if p.schema.Login == nil {
		p.close()
		return nil, nil, refuse(errors.New("the schema has no login class: a class with `auth:`"))
	}
	return p, p.schema.Login, nil
}

type passwordFlags struct {
	PasswordFile string `type:"path" placeholder:"FILE" help:"Read the password from a file [DOWEL_PASSWORD_FILE]; - is stdin."`
}

type userCreateCmd struct {
	Login string            `arg:"" help:"Login name, usually an e-mail address."`
	Role  string            `placeholder:"ROLE" help:"Role of the account; default is the schema's."`
	Set   map[string]string `placeholder:"FIELD=VALUE" mapsep:"none" help:"Other fields of the account; repeatable."`
	passwordFlags
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run makes one account.
func (c *userCreateCmd) Run(r *run) error {
	p, login, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	if err := checkRole(login, c.Role); err != nil {
		return err
	}
	for name := range c.Set {
		if login.Field(name) == nil {
			return misuse("%s has no field `%s`%s", login.Name, name, didYouMean(name, memberNames(login)))
		}
	}
	password, err := r.newPassword(c.PasswordFile)
	if err != nil {
		return err
	}
	id, err := p.createUser(r, c.Login, password, c.Role, c.Set)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.out, id)
	return err
}

type userPasswdCmd struct {
	Login string `arg:"" help:"Login name or id."`
	passwordFlags
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run sets a password.
func (c *userPasswdCmd) Run(r *run) error {
	p, login, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	id, err := p.findUser(r, c.Login)
	if err != nil {
		return err
	}
	password, err := r.newPassword(c.PasswordFile)
	if err != nil {
		return err
	}
	return p.patchUser(r, id, login.Auth.Secret.JSON, password)
}

type userRoleCmd struct {
	Login string `arg:"" help:"Login name or id."`
	Role  string `arg:"" help:"The new role."`
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run changes a role.
func (c *userRoleCmd) Run(r *run) error {
	p, login, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	if err := checkRole(login, c.Role); err != nil {
		return err
	}
	id, err := p.findUser(r, c.Login)
	if err != nil {
		return err
	}
	return p.patchUser(r, id, login.Auth.Role.JSON, c.Role)
}

type userListCmd struct {
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run lists every account: id, login, role, and whether it is switched on.
func (c *userListCmd) Run(r *run) error {
	p, login, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	a := login.Auth
	fields := []*schema.Field{login.Key[0], a.Login}
	for _, f := range []*schema.Field{a.Role, a.Enabled} {
		if f != nil {
			fields = append(fields, f)
		}
	}
	q := &storage.Query{Class: login, Limit: -1, Order: []storage.Order{{By: &schema.Path{Field: login.Key[0], Type: login.Key[0].Type}}}}
	t := table{}
	for _, f := range fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
		t.columns = append(t.columns, f.JSON)
	}
	page, err := p.store.Read(r.ctx, q)
	if err != nil {
		return unavailable(err)
	}
	for _, row := range page.Rows {
		cells := make([]any, len(fields))
		for i, f := range fields {
			cells[i] = cell(row.Values[f.Index])
		}
		t.add(cells...)
	}
	return t.print(r.out, c.Output)
}

func cell(v schema.Value) any {
	switch v.Kind() {
	case schema.Null:
		return nil
	case schema.Int:
		return v.Int()
	case schema.Bool:
		return v.Bool()
	}
	return v.String()
}

// checkRole refuses a role that the login class cannot hold.
func checkRole(login *schema.Class, role string) error {
	if role == "" {
		return nil
	}
	if login.Auth.Role == nil {
		return misuse("%s has no role field", login.Name)
	}
	if _, err := login.Auth.Role.Type.Parse(role); err != nil {
		return misuse("unknown role `%s`%s", role, didYouMean(role, roles(login)))
	}
	return nil
}

// roles are the choices of the role field.
func roles(login *schema.Class) []string {
	if login.Auth.Role == nil {
		return nil
	}
	return login.Auth.Role.Type.Shape().Enum
}

func (p *project) findUser(r *run, login string) (string, error) {
	id, err := p.engine.Accounts().Find(r.ctx, login)
	if errors.Is(err, account.ErrNoUser) {
		return "", refuse(fmt.Errorf("no %s %s", p.schema.Login.Name, login))
	}
	if err != nil {
		return "", unavailable(err)
	}
	return id, nil
}

func (p *project) patchUser(r *run, id, member, value string) error {
	content, err := json.Marshal(map[string]string{member: value})
	if err != nil {
		return err
	}
	if _, err := p.invoke(r.ctx, &actions.Patch{Class: p.schema.Login.Name, ID: id, Content: content}); err != nil {
		return refused(err)
	}
	r.note("changed %s of %s %s", member, p.schema.Login.Name, id)
	return nil
}

// createUser makes an account and returns its id. Required texts that nobody
// gave, such as a name, are filled from the login name, and that is said.
func (p *project) createUser(r *run, login, password, role string, set map[string]string) (string, error) {
	class, auth := p.schema.Login, p.schema.Login.Auth
	texts := map[string]string{auth.Login.JSON: login, auth.Secret.JSON: password}
	if role != "" {
		texts[auth.Role.JSON] = role
	}
	for name, v := range set {
		texts[class.Field(name).JSON] = v
	}
	short, _, _ := strings.Cut(login, "@")
	for _, f := range class.Fields {
		if _, given := texts[f.JSON]; given || !f.Required() || f.Ref != nil {
			continue
		}
		if _, err := f.Type.Parse(short); err == nil && f.Type.Kind() == schema.Text {
			texts[f.JSON] = short
			r.note("%s is %q; --set %s=… gives another", f.JSON, short, f.JSON)
		}
	}
	content := []byte{'{'}
	for _, f := range class.Fields {
		v, given := texts[f.JSON]
		if !given {
			continue
		}
		if len(content) > 1 {
			content = append(content, ',')
		}
		n := scalarNode(v)
		content = appendMember(content, f.JSON)
		if f.Ref != nil {
			content = appendReference(content, f.Ref.To, &n)
		} else {
			content = appendJSON(content, &n, f.Type.Shape())
		}
	}
	content = append(content, '}')
	res, err := p.invoke(r.ctx, &actions.Create{Class: class.Name, Content: content})
	if err != nil {
		return "", refused(err)
	}
	return res.ID, nil
}

// refused turns an error of the invoker into a verb's failure.
func refused(err error) error {
	var e *actions.Error
	if !errors.As(err, &e) {
		return unavailable(err)
	}
	switch e.Code {
	case actions.StorageUnavailable, actions.OutcomeUnknown, actions.Internal:
		return unavailable(err)
	}
	var lines []string
	for _, p := range e.Errors {
		lines = append(lines, strings.TrimSpace(p.Detail+" "+p.Hint))
	}
	if len(lines) == 1 && lines[0] == strings.TrimSpace(e.Detail+" "+e.Hint) {
		lines = nil
	}
	return refuse(errors.New(sentenceOf(e)), lines...)
}

// newPassword reads a password: from a file, the environment's file, a prompt
// on a terminal (twice), or the first line of stdin. It is never an argument,
// which every user of the machine could see.
func (r *run) newPassword(file string) (string, error) {
	var password string
	var err error
	switch {
	case file == "-":
		password, err = firstLine(r.in)
	case file != "":
		var content []byte
		content, err = os.ReadFile(file)
		password = strings.TrimRight(string(content), "\r\n")
	default:
		var source string
		password, source, err = r.secret("DOWEL_PASSWORD")
		if err == nil && source == "" {
			password, err = r.askPassword()
		}
	}
	if err != nil {
		var f *failure
		if errors.As(err, &f) {
			return "", err
		}
		return "", unavailable(fmt.Errorf("read the password: %w", err))
	}
	if password == "" {
		return "", misuse("the password is empty; give one at the prompt, on stdin or with --password-file")
	}
	return password, nil
}

func (r *run) askPassword() (string, error) {
	f, ok := r.in.(*os.File)
	if !ok || !terminal(f) {
		return firstLine(r.in)
	}
	var typed [2]string
	for i, question := range []string{"Password: ", "Again: "} {
		fmt.Fprint(r.err, question)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(r.err)
		if err != nil {
			return "", err
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", refuse(errors.New("the two passwords differ"))
	}
	return typed[0], nil
}

func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// firstAdmin makes the account that DOWEL_ADMIN_EMAIL names, if it is not there.
func (p *project) firstAdmin(r *run) error {
	login := r.env["DOWEL_ADMIN_EMAIL"]
	if login == "" {
		return nil
	}
	if p.schema.Login == nil {
		return refuse(errors.New("DOWEL_ADMIN_EMAIL is set, and the schema has no login class"))
	}
	_, err := p.engine.Accounts().Find(r.ctx, login)
	if err == nil {
		return nil
	}
	if !errors.Is(err, account.ErrNoUser) {
		return unavailable(err)
	}
	password, source, err := r.secret("DOWEL_ADMIN_PASSWORD")
	if err != nil {
		return unavailable(err)
	}
	if source == "" {
		return refuse(errors.New("DOWEL_ADMIN_EMAIL is set, but neither DOWEL_ADMIN_PASSWORD nor DOWEL_ADMIN_PASSWORD_FILE"))
	}
	if _, err := p.createUser(r, login, password, p.topRole(), nil); err != nil {
		return err
	}
	r.note("made the account %s", login)
	return nil
}

// devAdmin makes an account with a password of its own when there is none at
// all, and prints it this one time.
func (p *project) devAdmin(r *run) error {
	if p.schema.Login == nil {
		return nil
	}
	any, err := p.engine.Accounts().HasUsers(r.ctx)
	if err != nil {
		return unavailable(err)
	}
	if any {
		return nil
	}
	login := "admin"
	if p.schema.Login.Auth.Login.Type.Name() == "email" {
		login = "admin@example.com"
	}
	password := randomText(12)
	if _, err := p.createUser(r, login, password, p.topRole(), nil); err != nil {
		r.note("no account yet: dowel user create LOGIN %s", p.folder)
		return nil
	}
	r.note("account   %s, password %s (shown this once)", login, password)
	return nil
}

// topRole is the role of the login class that includes most others, "" without roles.
func (p *project) topRole() string {
	best, most := "", -1
	choices := roles(p.schema.Login)
	if slices.Contains(choices, "admin") {
		return "admin"
	}
	for _, role := range choices {
		if n := len(authz.Included(p.schema, role)); n >= most {
			best, most = role, n
		}
	}
	return best
}
