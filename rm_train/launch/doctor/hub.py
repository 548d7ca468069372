"""Whether models and data can be downloaded from the Hugging Face hub, or from the mirror that is set."""

from __future__ import annotations

import os

from rm_train.launch.doctor.finding import Finding, warn

_SUBJECT = "Hugging Face hub"
_ANSWER_S = 3.0
_FIX = "set HF_HUB_OFFLINE=1 and give folders (base_model_path=…, dataset_path=…), or HF_ENDPOINT=… for a mirror"


def hub() -> Finding:
    """Ask the hub for its front page, as downloads do: through proxies, with certificates."""
    import httpx

    mirror = os.environ.get("HF_ENDPOINT")
    shown = f"{mirror} (HF_ENDPOINT)" if mirror else "https://huggingface.co"
    try:
        from huggingface_hub import constants, get_session

        if constants.HF_HUB_OFFLINE:
            name = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
            return Finding(_SUBJECT, f"not asked, as {name} says: only folders and what is in its cache can be used")
        answer = get_session().head(constants.ENDPOINT, timeout=_ANSWER_S)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        # The last two come from an HF_ENDPOINT or proxies that cannot be used.
        return warn(_SUBJECT, f"{shown} does not answer ({error or type(error).__name__})", _FIX)
    if answer.status_code >= 400:
        return warn(_SUBJECT, f"{shown} answers with status {answer.status_code}", _FIX)
    return Finding(_SUBJECT, f"{shown} answers")
