"""The page: gradio components in our theme, a few routes of its own, and small scripts. Nothing else imports gradio."""
