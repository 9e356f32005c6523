"""What the `synthetic` corpus is made of: a voice, its emotions and speakers, and its raters."""
