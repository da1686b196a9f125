"""The values that a browser sends for an unchanged form."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    """Collect the values of the form with the given id."""

    def __init__(self, form_id):
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.sent: dict[str, str] = {}
        self.textarea = self.select = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        if not self.is_inside:
            return
        match tag:
            case "input":
                self._take_input(given)
            case "textarea":
                self.textarea = given["name"]
                self.sent[self.textarea] = ""
            case "select":
                self.select = given["name"]
            case "option" if "selected" in given and self.select:
                self.sent[self.select] = given.get("value", "")

    def _take_input(self, given):
        kind, name = given.get("type", "text"), given.get("name")
        if not name or kind == "submit":
            return
        if kind not in ("checkbox", "radio") or "checked" in given:
            self.sent[name] = given.get("value") or ("on" if kind == "checkbox" else "")

    def handle_data(self, data):
        if self.textarea:
            self.sent[self.textarea] += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self.textarea:
            # Browsers drop the line break at the beginning of a textarea.
            self.sent[self.textarea] = self.sent[self.textarea].removeprefix("\n")
            self.textarea = None
        elif tag == "select":
            self.select = None


def sent_by(page, form_id):
    """Return the values that a form of a page sends, by the names of its fields."""
    fields = _Fields(form_id)
    fields.feed(page)
    fields.sent.pop("csrfmiddlewaretoken", None)
    return fields.sent
