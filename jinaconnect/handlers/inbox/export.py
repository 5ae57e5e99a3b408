"""`/team-inbox/api/export-pdf/`: a conversation on paper."""

from __future__ import annotations

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.inbox.export import ExportPdf, export_pdf
from jinaconnect.handlers.edge.operation import Reply, operation


@operation(
    "POST", "/team-inbox/api/export-pdf/", id="inbox.export_pdf", permission="inbox.view", body=ExportPdf, socket=False,
    media_type=("application/pdf", "application/octet-stream"), errors=(404, 503),
)  # fmt: skip
async def export(ctx: OperationContext, body: ExportPdf) -> Reply:
    """Export some days of a conversation as PDF (A4), at most 90 days and 10,000 messages.

    Times are in the organisation's zone, the team's notes are left out. `messages.json`, attached inside, has the
    messages as the inbox lists them. Characters that no font here has stand on the page as their numbers
    (`[U+0B85]`), and the header `X-Missing-Glyphs` names them with the Debian package that would draw them.
    """
    made = await export_pdf(ctx, body)
    headers = {"Content-Disposition": f'attachment; filename="{made.filename}"'}
    if made.missing:
        named = [f"{row['character']} {row['package'] or '-'}" for row in made.missing[:50]]
        headers["X-Missing-Glyphs"] = ", ".join(named)
    return Reply(made.pdf, headers=headers, content_type="application/pdf")
