"""Archives of texts and numbers: each row known a documented lag after its event, and none dated by a guess."""
