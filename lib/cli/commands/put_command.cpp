#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/put_options.hpp"
#include "cli/commands/write_text.hpp"
#include "cli/live_confirmation.hpp"
#include "cli/log_access.hpp"
#include "replica/put.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

Result<ExitCode> run(PutOptions& options, Context& context) {
  MUSHER_TRY(options.request.fields, fields_of(options, context.terminal.in()));
  MUSHER_TRY(auto replica, open_for_writing(context));
  MUSHER_TRY(const PutReport report, put(replica, options.request));
  if (!report.dry_run) context.terminal.wrote(op_list(report.ops));
  show_warnings(context, replica);
  if (!wants_json(context) && (!context.settings.quiet || report.dry_run)) context.terminal.out() << put_text(report);
  const LiveConfirmation live =
      report.dry_run ? LiveConfirmation() : confirm_live(context, replica, report.ops, options.wait);
  const ExitCode code = live.exit_code();
  if (wants_json(context)) {
    MUSHER_TRY(const LogCard card, log_card(replica.log()));
    JsonWriter json(context.terminal.out());
    write_put(json, {"musher.put/1", static_cast<int>(code), &card}, report, live.answers);
  }
  return code;
}

}  // namespace

Command put_command() { return make_command<PutOptions>("musher-put", {.server = true}, declare, run); }

}  // namespace musher
