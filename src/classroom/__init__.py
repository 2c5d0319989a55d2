"""The course's own machinery: a team would leave this behind."""
