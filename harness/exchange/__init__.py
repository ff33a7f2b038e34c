"""To and from other harnesses: tasks that lmms-eval runs, and other harnesses' logs as runs of ours."""
