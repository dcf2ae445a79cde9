"""What the desk's drafts and a person's feedback on them tell: sums for people, nothing a draft depends on."""
