"""Cases from elsewhere and for elsewhere: files, JSON lines, promptfoo, drafts of the live desk."""
