#!/usr/bin/env bash
# Compares HEAD with BASE, shows the verdict as the job's summary, and ends as the comparison ended.
set -euo pipefail

# What an earlier step left there must not be shown as this verdict.
rm -f "$OUTPUT"/{junit.xml,verdict.json,summary.md,comment.md}
options=(--junit "$OUTPUT/junit.xml" --json "$OUTPUT/verdict.json")
options+=(--markdown "$OUTPUT/summary.md" --comment "$OUTPUT/comment.md")
if [[ -n "$GATES" ]]; then
  options+=(--gates "$GATES")
fi

code=0
geopix-eval compare "${options[@]}" -- "$BASE" "$HEAD" || code=$?

if [[ -f "$OUTPUT/summary.md" ]]; then
  cat "$OUTPUT/summary.md" >>"$GITHUB_STEP_SUMMARY"
fi
{
  echo "exit-code=$code"
  echo "comment=$OUTPUT/comment.md"
  echo "junit=$OUTPUT/junit.xml"
} >>"$GITHUB_OUTPUT"
exit "$code"
