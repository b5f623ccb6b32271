# bash completion for outcrop, made by: outcrop completion bash
# Model ids have colons, which bash takes for word borders unless told otherwise.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
_outcrop_words() { COMPREPLY=($(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_folders() { compopt -o filenames; COMPREPLY=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")); }
_outcrop_files_or() { case "${COMP_WORDS[COMP_CWORD]}" in -*) _outcrop_words "$1" ;; *) _outcrop_files ;; esac; }
_outcrop() {
  local command="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command $word" in
      " model"|" model import"|" model list"|" model show"|" model export"|" model remove"|" customize"|" chat"|" run"|" doctor"|" version"|" completion") command="$command $word" ;;
    esac
  done
  case "$command ${COMP_WORDS[COMP_CWORD-1]}" in
    *" --home") _outcrop_folders; return ;;
    " model import --id") :; return ;;
    " model import --dtype") _outcrop_words "bf16 f32"; return ;;
    " model export --format") _outcrop_words "hf gguf peft"; return ;;
    " model export --type") _outcrop_words "f32 f16 bf16 q8_0 q4_0"; return ;;
    " model export --out") _outcrop_folders; return ;;
    " customize --base") _outcrop_words "$(outcrop model list --ids 2>/dev/null)"; return ;;
    " customize --train") _outcrop_files; return ;;
    " customize --validation") _outcrop_files; return ;;
    " customize --name") :; return ;;
    " customize --method") _outcrop_words "lora full"; return ;;
    " customize --set") :; return ;;
    " chat --system") :; return ;;
    " chat --message") :; return ;;
    " chat --max-tokens") :; return ;;
    " chat --temperature") :; return ;;
    " chat --top-p") :; return ;;
    " chat --top-k") :; return ;;
    " chat --min-p") :; return ;;
    " chat --repetition-penalty") :; return ;;
    " chat --seed") :; return ;;
    " chat --stop") :; return ;;
    " run --input") _outcrop_files; return ;;
    " run --output") _outcrop_files; return ;;
    " run --max-batch") :; return ;;
    " run --max-tokens") :; return ;;
    " run --temperature") :; return ;;
    " run --top-p") :; return ;;
    " run --top-k") :; return ;;
    " run --min-p") :; return ;;
    " run --repetition-penalty") :; return ;;
    " run --seed") :; return ;;
    " run --stop") :; return ;;
  esac
  case "$command" in
    "") _outcrop_words "model customize chat run doctor version completion --help --version --home --json --quiet" ;;
    " model") _outcrop_words "import list show export remove --help --version --home --json --quiet" ;;
    " model import") _outcrop_files_or "--help --version --home --json --quiet --id --dtype --replace" ;;
    " model list") _outcrop_words "--help --version --home --json --quiet --ids" ;;
    " model show") _outcrop_words "$(outcrop model list --ids 2>/dev/null) --help --version --home --json --quiet" ;;
    " model export") _outcrop_words "$(outcrop model list --ids 2>/dev/null) --help --version --home --json --quiet --format --type --out" ;;
    " model remove") _outcrop_words "$(outcrop model list --ids 2>/dev/null) --help --version --home --json --quiet" ;;
    " customize") _outcrop_words "--help --version --home --json --quiet --base --train --validation --name --method --set --plan --resume --replace --list-hyperparameters" ;;
    " chat") _outcrop_words "$(outcrop model list --ids 2>/dev/null) --help --version --home --json --quiet --system --message --max-tokens --temperature --top-p --top-k --min-p --repetition-penalty --seed --stop" ;;
    " run") _outcrop_words "$(outcrop model list --ids 2>/dev/null) --help --version --home --json --quiet --input --output --max-batch --max-tokens --temperature --top-p --top-k --min-p --repetition-penalty --seed --stop" ;;
    " doctor") _outcrop_words "--help --version --home --json --quiet --no-measure" ;;
    " version") _outcrop_words "--help --version --home --json --quiet" ;;
    " completion") _outcrop_words "bash zsh --help --version --home --json --quiet" ;;
  esac
}
complete -F _outcrop outcrop
