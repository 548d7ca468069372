"""A page taken apart, to see what it shows and that it loads nothing."""

from html.parser import HTMLParser

VOID = {"meta", "link"}


class Page(HTMLParser):
    """The page's tags, its text, and whether every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.attributes, self._open = [], "", [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def check_loads_nothing(page, html):
    assert "script" not in page.tags and "http://" not in html and "https://" not in html and "@import" not in html
    for name, value in page.attributes:
        assert name != "src" and not name.startswith("on")
        assert name != "href" or value == "data:,"
    assert "url(" not in html
