"""Language models behind the reasoner port: any server that speaks OpenAI's chat completions."""
