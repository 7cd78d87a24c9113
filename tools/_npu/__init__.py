"""The commands of `aic npu`, a file each: HELP, add_arguments(parser), run(args)."""
