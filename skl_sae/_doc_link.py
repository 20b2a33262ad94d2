"""Where the pages about the public classes are."""

#: The site with the documentation, whose reference has a page for each public name.
SITE = "https://skl-sae.github.io/skl-sae"


class DocLinkMixin:
    """Lets the picture of an estimator in a notebook link to its page, and to the parameters there.

    The page of a class has the name that the class is imported by. Of a class that is derived from one of ours
    elsewhere there is no page, and no link.
    """

    _doc_link_module = "skl_sae"
    _doc_link_template = SITE + "/generated/{estimator_module}.{estimator_name}.html"
