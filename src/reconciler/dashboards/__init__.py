"""What watches a stack from outside, as files: dashboards and rules. All pure."""
