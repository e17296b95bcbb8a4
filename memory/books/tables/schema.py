"""What every table of the books is made with: one schema, and the columns that point at another table."""

from sqlalchemy import Boolean, Column, ForeignKey, MetaData, Text

metadata = MetaData()


def flag(column: str) -> Column[bool]:
    return Column(column, Boolean, nullable=False, default=False)


def account(*, primary: bool = False) -> Column[str]:
    return Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=primary, nullable=False)


def proposal(*, primary: bool = False, null: bool = False) -> Column[str]:
    return Column("proposal_id", Text, ForeignKey("proposals.proposal_id"), primary_key=primary, nullable=null)
