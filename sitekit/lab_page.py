"""A lab as a page: its prose by the site's own Markdown, its cells by mkdocs-jupyter, put together for MkDocs.

mkdocs-jupyter alone resolves no link in a cell's text, renders no math, and inlines half a megabyte of styles. So the
text of a lab goes the way of every page, with a placeholder for each code cell, and what mkdocs-jupyter makes of the
executed cells is taken apart and put in their places.
"""

import html
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from urllib.parse import urljoin

import nbformat
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbformat import NotebookNode
from selectolax.lexbor import LexborHTMLParser, LexborNode

from sitekit import figure_svg, lab_pictures, lab_source, labs
from sitekit.errors import PageError
from sitekit.figure_style import TEXT
from sitekit.highlight import lighten

FOLDER = "labs"
NOT_EXECUTED = """!!! note "Not executed yet"
    You see the code of this lab alone: it has changed since it last ran. `make site` runs it and shows what comes out.
"""
_ORDER = 'mkdocs-jupyter must include ["labs/*.py"], and come before the hooks of the labs'
_PLACE = '<div class="lab-cell" data-cell="{}"></div>'
_LINK = re.compile(r"\]\((?!\w+:|#)(?P<page>[^)#\s]+?)\.(?:md|py)(?P<anchor>#[^)\s]*)?\)")
_notebooks: dict[str, NotebookNode] = {}


def collect(files: Files, config: MkDocsConfig, *, execute: bool, cache_dir: Path = labs.CACHE) -> Files:
    """Read the labs of a site, run those that the cache does not hold, and add a download of each.

    Args:
        files: The files of the site.
        config: The configuration of the site.
        execute: Whether a lab may run; if not, one that is not cached shows its code alone.
        cache_dir: Where executed labs are kept.

    Raises:
        PluginError: A lab cannot be read, or fails, or mkdocs-jupyter passes it by. MkDocs shows the message alone.
    """
    found = [file for file in files if is_lab(file.src_uri)]
    for file in found:
        if not file.is_documentation_page():
            raise PluginError(f"{file.src_uri} would become no page: {_ORDER}")
    paths = [_relative(Path(str(file.abs_src_path))) for file in found]
    try:
        if execute:
            notebooks = labs.execute_all(paths, cache_dir)
        else:
            notebooks = [labs.cached(path, cache_dir) or lab_source.read(path) for path in paths]
    except PageError as fault:
        raise PluginError(str(fault)) from fault
    _notebooks.clear()
    for file, notebook in zip(found, notebooks, strict=True):
        _notebooks[file.src_uri] = notebook
        address = urljoin(config.site_url or "", file.url)
        files.append(File.generated(config, _notebook_name(file.src_uri), content=download(notebook, address)))
        for name, content in lab_pictures.files(notebook).items():
            files.append(File.generated(config, f"{file.url}{name}", content=content))
    return files


def is_lab(src_uri: str) -> bool:
    """Tell whether a file under docs/ is a lab."""
    return src_uri.startswith(f"{FOLDER}/") and src_uri.endswith(".py")


def source(src_uri: str) -> str | None:
    """Return what MkDocs reads for a lab: front matter, its text as Markdown, a placeholder for each code cell."""
    if src_uri not in _notebooks:
        return None
    notebook = _notebooks[src_uri]
    parts = [f"---\n{yaml.safe_dump({**notebook.metadata.front, 'lab': True}, allow_unicode=True)}---"]
    for index, cell in enumerate(notebook.cells):
        parts.append(cell.source if cell.cell_type == "markdown" else _PLACE.format(index))
        if index == 0:
            name = _notebook_name(src_uri).rpartition("/")[2]
            parts.append(f'[Download this lab as a notebook]({name}){{ .lab-download download="{name}" }}')
            parts += [] if _executed(notebook) else [NOT_EXECUTED]
    return "\n\n".join(parts) + "\n"


def as_markdown(src_uri: str) -> str:
    """Return a lab as plain Markdown, with its code and what it printed, for those who read no HTML."""
    parts = []
    for cell in _notebooks[src_uri].cells:
        parts.append(cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```")
        if "fig-alt" in cell.metadata.get("options", {}):
            parts.append(f"Figure: {cell.metadata.options['fig-alt']}")
        parts += [f"```text\n{text.rstrip()}\n```" for text in map(_text, cell.get("outputs", [])) if text]
    return "\n\n".join(parts) + "\n"


def wrap(page: Page, cache_dir: Path = labs.CACHE) -> None:
    """Have a lab's page rendered by MkDocs and mkdocs-jupyter together; other pages stay as they are.

    mkdocs-jupyter replaces a page's ``render`` in ``on_pre_page``; this must come after it.
    """
    notebook = _notebooks.get(page.file.src_uri)
    if notebook is None:
        return
    if "render" not in vars(page):
        raise PluginError(f"{page.file.src_uri} would become no page: {_ORDER}")
    by_jupyter: Callable[[MkDocsConfig, Files], None] = page.render

    def render(config: MkDocsConfig, files: Files) -> None:
        file, written = page.file, page.file.abs_src_path
        file.abs_src_path = str(_written(notebook, cache_dir / f"{Path(file.src_uri).stem}.ipynb"))
        try:
            by_jupyter(config, files)
        finally:
            file.abs_src_path = written
        cells = list(_cells(notebook, page.content or ""))
        Page.render(page, config, files)
        content = page.content or ""
        for index, cell in cells:
            content = content.replace(_PLACE.format(index), cell)
        page.content = content

    page.render = render


def download(notebook: NotebookNode, address: str = "") -> str:
    """Return the notebook as people take it home: whole links, figures that stand alone, nothing of this site."""
    copy = deepcopy(notebook)
    del copy.metadata["front"]
    for cell in copy.cells:
        options = cell.metadata.get("options", {})
        cell.metadata = NotebookNode()
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(lambda link: f"]({urljoin(address, _url(link))})", cell.source)
            continue
        cell.source = cell.source.strip()
        if options.get("code-fold"):
            cell.metadata.jupyter = NotebookNode(source_hidden=True)
        for output in cell.outputs:
            if svg := output.get("data", {}).get("image/svg+xml"):
                alone = f'xmlns="http://www.w3.org/2000/svg" color="{TEXT}" font-family="sans-serif"'
                output.data["image/svg+xml"] = _named(svg, cell.id, options["fig-alt"], alone)
    return nbformat.writes(copy, indent=1) + "\n"


def _url(link: re.Match[str]) -> str:
    # The address of a lab ends in its own name, as a folder: what lies beside the file lies one level up.
    page = link["page"].removesuffix("index")
    return f"../{page}{'/' if page and not page.endswith('/') else ''}{link['anchor'] or ''}"


def _cells(notebook: NotebookNode, rendered: str) -> Iterator[tuple[int, str]]:
    """Yield the HTML of each code cell, as the site shows it, from the HTML that mkdocs-jupyter made."""
    tree = LexborHTMLParser(rendered)
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            node, options = tree.css_first(f'[id="cell-id={cell.id}"]'), cell.metadata.options
            if node is None:
                raise RuntimeError(f"mkdocs-jupyter shows no cell {cell.id}: has its template changed?")
            code = _code(node)
            outputs = "".join(_output(output, cell) for output in node.css(".jp-OutputArea-output"))
            if options.get("code-fold"):
                label = "Code of this figure" if "fig-alt" in options else "Code"
                yield index, f'{outputs}<details class="lab-code"><summary>{label}</summary>{code}</details>'
            else:
                yield index, code + outputs


def _code(cell: LexborNode) -> str:
    pre = cell.css_first(".jp-InputArea-editor pre")
    return f'<div class="language-python highlight"><pre><code>{lighten(_inner(pre)).strip()}\n</code></pre></div>'


def _output(output: LexborNode, cell: NotebookNode) -> str:
    kind = output.attributes.get("data-mime-type") or ""
    if kind == "image/svg+xml":  # nbconvert hides it in an <img>, where it knows nothing of the page's colours
        svg = next(found for each in cell.outputs if (found := each.get("data", {}).get(kind)))
        named = _named(svg, cell.id, cell.metadata.options["fig-alt"], "data-search-exclude")
        return f'<figure class="lab-figure">{named}</figure>'
    if kind == "text/html":
        return f'<div class="lab-output">{lab_pictures.linked(_inner(output))}</div>'
    return f'<div class="lab-output"><pre tabindex="0">{_inner(output.css_first("pre")).rstrip()}</pre></div>'


def _inner(node: LexborNode | None) -> str:
    return "".join(child.html or "" for child in node.iter(include_text=True)) if node else ""


def _named(svg: str, name: str, alt: str, attributes: str) -> str:
    opening = f'<svg role="img" aria-label="{html.escape(" ".join(alt.split()))}" {attributes}'
    return svg.replace("<svg", opening, 1).replace(figure_svg.PREFIX, f"{name}-")


def _text(output: NotebookNode) -> str:
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


def _executed(notebook: NotebookNode) -> bool:
    return any(cell.execution_count is not None for cell in lab_source.code_cells(notebook))


def _notebook_name(src_uri: str) -> str:
    return str(Path(src_uri).with_suffix(".ipynb").as_posix())


def _written(notebook: NotebookNode, path: Path) -> Path:
    """Write what mkdocs-jupyter reads: the code cells alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = lab_source.code_cells(notebook)
    path.write_text(nbformat.writes(NotebookNode({**notebook, "cells": cells})), "utf-8")
    return path


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
